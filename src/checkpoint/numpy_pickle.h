#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/pickle.h"

/// NumPy arrays in pickles, however they were written: by pickle itself (_reconstruct, _frombuffer)
/// or by joblib (a NumpyArrayWrapper with the elements behind it).
namespace ctclip::pickle {

/// "numpy._core" as "numpy.core": NumPy 2 moved it.
std::string numpy1_name(std::string_view name);

/// Policy::built for joblib's files: reads the elements that lie behind a NumpyArrayWrapper into
/// its Value (raw ones into `text`, a nested pickle's result into `items`). `policy` is what nested
/// pickles are read with.
void read_joblib_array(Document& document, Ref built, ByteInput& input, const Policy& policy);

/// Values of an array of real numbers; nothing where it is something else.
std::optional<std::vector<double>> array_of_numbers(const Document& document, Ref ref);
/// Values of an array of str, of type object.
std::optional<std::vector<std::string>> array_of_texts(const Document& document, Ref ref);
/// An int, or a NumPy scalar that is one.
std::optional<int64_t> integer_of(const Document& document, Ref ref);

}  // namespace ctclip::pickle
