#include "base/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string_view>

#include "base/error.h"

namespace ctclip {
namespace {

static_assert(std::endian::native == std::endian::little);

/// Values of an array; also of one without any, whose other sizes would be.
constexpr int64_t kMost = int64_t{1} << 40;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(Code::bad_parameter, fmt::format("{}: {}", path.string(), what));
}

double half_to_double(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const double fraction = bits & 1023;
  double magnitude = 0;
  if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else if (exponent == 31) {
    magnitude = fraction == 0 ? INFINITY : NAN;
  } else {
    magnitude = std::ldexp(1024 + fraction, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

template <typename T>
std::vector<double> widen(const std::vector<char>& raw, bool swap) {
  std::vector<double> values(raw.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::array<char, sizeof(T)> bytes;
    std::memcpy(bytes.data(), raw.data() + i * sizeof(T), sizeof(T));
    if (swap) std::reverse(bytes.begin(), bytes.end());
    values[i] = static_cast<double>(std::bit_cast<T>(bytes));
  }
  return values;
}

std::vector<double> widen(const std::vector<char>& raw, const std::string& dtype, bool swap,
                          const std::filesystem::path& path) {
  const std::string kind = dtype.substr(1);
  if (kind == "f4") return widen<float>(raw, swap);
  if (kind == "f8") return widen<double>(raw, swap);
  if (kind == "i1") return widen<int8_t>(raw, swap);
  if (kind == "i2") return widen<int16_t>(raw, swap);
  if (kind == "i4") return widen<int32_t>(raw, swap);
  if (kind == "i8") return widen<int64_t>(raw, swap);
  if (kind == "u1" || kind == "b1") return widen<uint8_t>(raw, swap);
  if (kind == "u2") return widen<uint16_t>(raw, swap);
  if (kind == "u4") return widen<uint32_t>(raw, swap);
  if (kind == "u8") return widen<uint64_t>(raw, swap);
  if (kind == "f2") {
    std::vector<double> values = widen<uint16_t>(raw, swap);
    for (double& value : values) value = half_to_double(static_cast<uint16_t>(value));
    return values;
  }
  refuse(path, fmt::format("expected a numeric dtype, found '{}'", dtype));
}

std::size_t item_size(const std::string& dtype, const std::filesystem::path& path) {
  const char digit = dtype.size() == 3 ? dtype[2] : '0';
  if (digit != '1' && digit != '2' && digit != '4' && digit != '8') {
    refuse(path, fmt::format("expected a numeric dtype, found '{}'", dtype));
  }
  return static_cast<std::size_t>(digit - '0');
}

std::string read_header(std::ifstream& file, const std::filesystem::path& path) {
  std::array<char, 8> magic{};
  file.read(magic.data(), magic.size());
  if (!file || std::memcmp(magic.data(), "\x93NUMPY", 6) != 0) refuse(path, "is not a .npy file");
  uint32_t length = 0;
  file.read(reinterpret_cast<char*>(&length), magic[6] == 1 ? 2 : 4);
  if (!file || length > 65536) refuse(path, "has a damaged .npy header");
  std::string header(length, ' ');
  file.read(header.data(), static_cast<std::streamsize>(length));
  if (!file) refuse(path, "ends inside its .npy header");
  return header;
}

/// What stands behind "'key':" in the header's Python dict, blanks left out.
std::string_view field(std::string_view header, const std::string& key,
                       const std::filesystem::path& path) {
  const std::string quoted = "'" + key + "':";
  std::size_t at = header.find(quoted);
  if (at != std::string_view::npos) at = header.find_first_not_of(' ', at + quoted.size());
  if (at == std::string_view::npos) refuse(path, fmt::format("has no {} in its header", quoted));
  return header.substr(at);
}

std::string parse_dtype(std::string_view text, const std::filesystem::path& path) {
  const std::size_t end = text.find('\'', 1);
  if (text.front() != '\'' || end == std::string_view::npos) {
    refuse(path, "expected a numeric dtype, found another");
  }
  return std::string(text.substr(1, end - 1));
}

/// "(3, 4)", "(3,)" or "()". The product of the sizes fits.
Shape parse_shape(std::string_view text, const std::filesystem::path& path) {
  const std::size_t end = text.find(')');
  const auto damaged = [&] { refuse(path, "has a damaged shape in its .npy header"); };
  if (text.front() != '(' || end == std::string_view::npos) damaged();
  Shape shape;
  int64_t product = 1;
  for (std::size_t at = text.find_first_of("0123456789"); at < end;
       at = text.find_first_of("0123456789", at)) {
    int64_t size = 0;
    const auto [rest, problem] = std::from_chars(text.data() + at, text.data() + end, size);
    const bool fits =
        !__builtin_mul_overflow(product, std::max<int64_t>(size, 1), &product) && product < kMost;
    if (problem != std::errc() || !fits) damaged();
    shape.push_back(size);
    at = static_cast<std::size_t>(rest - text.data());
  }
  return shape;
}

std::vector<double> fortran_to_c(const std::vector<double>& values, const Shape& shape) {
  std::vector<double> out(values.size());
  Shape index(shape.size(), 0);
  for (double& value : out) {
    int64_t from = 0;
    for (std::size_t axis = shape.size(); axis-- > 0;) from = from * shape[axis] + index[axis];
    value = values[static_cast<std::size_t>(from)];
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace

Tensor NpyArray::tensor() const {
  Tensor out = Tensor::uninitialised(shape);
  std::copy(values.begin(), values.end(), out.data());
  return out;
}

NpyArray read_npy(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, "cannot be opened");
  const std::string header = read_header(file, path);
  NpyArray array;
  array.dtype = parse_dtype(field(header, "descr", path), path);
  array.shape = parse_shape(field(header, "shape", path), path);
  const bool fortran = field(header, "fortran_order", path).starts_with("True");

  const auto left = std::filesystem::file_size(path) - static_cast<uintmax_t>(file.tellg());
  const std::size_t item = item_size(array.dtype, path);
  const auto bytes = static_cast<uintmax_t>(element_count(array.shape)) * item;
  if (left < bytes) {
    refuse(path, fmt::format("expected {} bytes of data for shape {}, found {}", bytes,
                             to_string(array.shape), left));
  }
  std::vector<char> raw(bytes);
  file.read(raw.data(), static_cast<std::streamsize>(bytes));
  array.values = widen(raw, array.dtype, array.dtype[0] == '>', path);
  if (fortran) array.values = fortran_to_c(array.values, array.shape);
  return array;
}

void write_npy(std::ostream& out, const Tensor& tensor) {
  std::string shape;
  for (int64_t dim : tensor.shape()) shape += fmt::format("{}, ", dim);
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", shape);
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  const auto length = static_cast<uint16_t>(header.size());

  out.write("\x93NUMPY\x01\x00", 8);
  out.write(reinterpret_cast<const char*>(&length), 2);
  out << header;
  out.write(reinterpret_cast<const char*>(tensor.data()),
            static_cast<std::streamsize>(tensor.size() * sizeof(float)));
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  std::ofstream file(path, std::ios::binary);
  write_npy(file, tensor);
  if (!file.flush()) throw Error(Code::internal, path.string() + ": cannot be written");
}

}  // namespace ctclip
