// multipart/form-data, pushed in pieces whose sizes the input's first byte chooses. The pieces must
// not matter: the same body at once gives the same parts.

#include "server/multipart.h"

#include <algorithm>

#include "fuzz/fuzz.h"

namespace {

/// Everything that the parser says, in one string.
class Record : public ctclip::FormSink {
 public:
  void begin_part(const ctclip::FormPart& part) override {
    text_ += "<" + part.name + (part.is_file ? "|file>" : ">");
  }
  void part_data(std::string_view bytes) override { text_ += bytes; }
  void end_part() override { text_ += "</>"; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string parse(std::string_view body, std::size_t piece) {
  Record record;
  std::string end = " complete";
  try {
    ctclip::MultipartParser parser("b", record);
    for (std::size_t at = 0; at < body.size(); at += piece) parser.feed(body.substr(at, piece));
    parser.finish();
  } catch (const ctclip::Error&) {
    end = " refused";
  }
  return record.text() + end;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  const std::string_view input = fuzz::as_text({data, size});
  fuzz::may_refuse([&] { form_boundary(input); });
  if (size < 2) return 0;
  const std::string whole = parse(input.substr(1), size);
  const std::string pieces = parse(input.substr(1), std::max<std::size_t>(1, data[0] % 16));
  // Where a body is refused, how much of it came through before depends on the pieces.
  if (whole.ends_with(" complete") != pieces.ends_with(" complete")) std::abort();
  if (whole.ends_with(" complete") && whole != pieces) std::abort();
  return 0;
}
