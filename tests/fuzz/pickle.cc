// The pickle machine by itself, and everything that asks its document.

#include "checkpoint/pickle.h"

#include "checkpoint/numpy_pickle.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace ctclip;
  fuzz::may_refuse([&] {
    ByteInput input("fuzz", std::as_bytes(std::span(data, size)));
    pickle::Document document;
    pickle::Policy nested;
    pickle::Policy policy;
    policy.built = [&](pickle::Document& built_in, pickle::Ref built, ByteInput& in) {
      pickle::read_joblib_array(built_in, built, in, nested);
    };
    const pickle::Ref top = pickle::load(document, input, policy);
    if (top >= document.size()) std::abort();
    for (pickle::Ref ref = 0; ref < document.size(); ++ref) {
      document.describe(ref);
      document.find(ref, "state_dict");
      document.argument(ref, 1);
      pickle::array_of_numbers(document, ref);
      pickle::array_of_texts(document, ref);
      pickle::integer_of(document, ref);
    }
  });
  return 0;
}
