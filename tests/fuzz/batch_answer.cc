// What a service answers to `ctclip batch`: JSON of any shape becomes a row, and the row's line in
// the journal is that row again.

#include "batch/row.h"
#include "batch/service.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  fuzz::may_refuse([&] {
    const auto reply = batch::reply_of(200, fuzz::as_text({data, size}), {});
    const batch::Row row = batch::make_row(reply.answer);
    const auto probability = row.probability_of_pathology;
    if (row.success != probability.has_value()) std::abort();
    if (probability && !(*probability >= 0 && *probability <= 1)) std::abort();
    const auto line = batch::to_json(row);
    if (batch::to_json(batch::row_of(line)) != line) std::abort();
  });
  return 0;
}
