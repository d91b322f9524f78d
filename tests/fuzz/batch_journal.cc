// A batch's journal: every whole line that is read from front to back is the same when it is asked
// for by its place.

#include "batch/journal.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  const fuzz::MemoryFile file({data, size});
  fuzz::may_refuse([&] {
    batch::JournalReader reader(file.path());
    batch::JournalReader by_place(file.path());
    while (const auto row = reader.next()) {
      if (batch::to_json(by_place.at(reader.offset())) != batch::to_json(*row)) std::abort();
      if (reader.end() > size) std::abort();
    }
  });
  return 0;
}
