// A vocabulary, and behind the first NUL a text that is tokenised with it. Every id has a piece.

#include <cstring>
#include <string>

#include "detectors/tokenizer.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  const std::string_view input = fuzz::as_text({data, size});
  const std::size_t end = std::min(input.find('\0'), input.size());
  const fuzz::MemoryFile file({data, end});
  fuzz::may_refuse([&] {
    const Tokenizer tokenise(file.path());
    const auto ids = tokenise(input.substr(std::min(end + 1, input.size())));
    if (ids.size() < 2 || ids.size() > 512) std::abort();
    for (const int32_t id : ids) {
      if (id < 0 || static_cast<std::size_t>(id) >= tokenise.size()) std::abort();
    }
  });
  return 0;
}
