#include "study/nifti_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"

namespace ctclip {
namespace {

[[noreturn]] void damaged(const std::string& what) {
  throw Error(Code::damaged_nifti, "The NIfTI header " + what + ".");
}

template <typename T>
T load(std::span<const std::byte> bytes, std::size_t offset, bool swapped) {
  std::array<std::byte, sizeof(T)> raw;
  std::memcpy(raw.data(), bytes.subspan(offset, sizeof(T)).data(), sizeof(T));
  if (swapped) std::reverse(raw.begin(), raw.end());
  T value;
  std::memcpy(&value, raw.data(), sizeof(T));
  return value;
}

/// Where a field lies and how wide it is in the two versions (nifti1.h, nifti2.h).
class Fields {
 public:
  Fields(std::span<const std::byte> bytes, bool swapped)
      : bytes_(bytes), swapped_(swapped), second_(bytes.size() == kNifti2Bytes) {}

  int64_t dim(std::size_t i) const {
    return second_ ? get<int64_t>(16 + 8 * i) : get<int16_t>(40 + 2 * i);
  }
  int32_t datatype() const { return get<int16_t>(second_ ? 12 : 70); }
  int32_t bits() const { return get<int16_t>(second_ ? 14 : 72); }
  double pixdim(std::size_t i) const { return real(76, 104, i); }
  double data_offset() const {
    return second_ ? static_cast<double>(get<int64_t>(168)) : get<float>(108);
  }
  double slope() const { return real(112, 176, 0); }
  double intercept() const { return real(116, 184, 0); }
  int32_t units() const { return second_ ? get<int32_t>(500) : get<uint8_t>(123); }
  int32_t qform() const { return second_ ? get<int32_t>(344) : get<int16_t>(252); }
  int32_t sform() const { return second_ ? get<int32_t>(348) : get<int16_t>(254); }
  double quatern(std::size_t i) const { return real(256, 352, i); }
  double qoffset(std::size_t i) const { return real(268, 376, i); }
  double srow(std::size_t row, std::size_t column) const {
    return real(280, 400, row * 4 + column);
  }
  bool has_magic() const {
    return second_ ? equals(4, std::string_view("n+2\0\r\n\x1a\n", 8))
                   : equals(344, std::string_view("n+1\0", 4));
  }

 private:
  template <typename T>
  T get(std::size_t offset) const {
    return load<T>(bytes_, offset, swapped_);
  }
  double real(std::size_t first, std::size_t second, std::size_t i) const {
    return second_ ? get<double>(second + 8 * i) : get<float>(first + 4 * i);
  }
  bool equals(std::size_t offset, std::string_view text) const {
    return std::memcmp(bytes_.subspan(offset, text.size()).data(), text.data(), text.size()) == 0;
  }

  std::span<const std::byte> bytes_;
  bool swapped_, second_;
};

/// Millimetres to a unit of pixdim and of the affine: metres, millimetres, micrometres; unknown is
/// taken as millimetres.
double millimetres(int32_t units) {
  switch (units & 7) {
    case 1:
      return 1000;
    case 3:
      return 1e-3;
    default:
      return 1;
  }
}

std::array<int64_t, 3> read_size(const Fields& fields) {
  const int64_t dimensions = fields.dim(0);
  if (dimensions < 3 || dimensions > 7) {
    damaged(fmt::format("has {} dimensions, expected 3", dimensions));
  }
  for (int64_t i = 4; i <= dimensions; ++i) {
    const int64_t size = fields.dim(static_cast<std::size_t>(i));
    if (size != 1) damaged(fmt::format("has {} volumes along axis {}, expected one", size, i));
  }
  const std::array<int64_t, 3> size = {fields.dim(1), fields.dim(2), fields.dim(3)};
  if (*std::min_element(size.begin(), size.end()) < 1) {
    damaged(fmt::format("gives {} x {} x {} voxels", size[0], size[1], size[2]));
  }
  return size;
}

NiftiType read_type(const Fields& fields) {
  const auto type = static_cast<NiftiType>(fields.datatype());
  const std::size_t bytes = bytes_of(type);
  if (bytes == 0) {
    damaged(fmt::format("has datatype {}, expected integers or real numbers of at most 64 bits",
                        fields.datatype()));
  }
  if (fields.bits() != static_cast<int32_t>(bytes * 8)) {
    damaged(fmt::format("gives {} bits to a voxel, datatype {} has {}", fields.bits(),
                        fields.datatype(), bytes * 8));
  }
  return type;
}

int64_t read_data_offset(const Fields& fields, std::size_t header_bytes) {
  const double offset = fields.data_offset();
  constexpr double kLimit = 1 << 24;  // extensions hold a few kilobytes of text
  if (!(offset >= static_cast<double>(header_bytes) && offset <= kLimit)) {
    damaged(fmt::format("puts the data at byte {}", offset));
  }
  return static_cast<int64_t>(offset);
}

/// RAS, as in the file, to LPS and millimetres.
Vec3 lps(double x, double y, double z, double unit) { return {-x * unit, -y * unit, z * unit}; }

NiftiFrame by_sform(const Fields& f, double unit) {
  const auto column = [&](std::size_t c) {
    return lps(f.srow(0, c), f.srow(1, c), f.srow(2, c), unit);
  };
  return {column(0), column(1), column(2), column(3)};
}

/// The rotation of the unit quaternion (a, b, c, d), a >= 0; method 2 of nifti1.h.
NiftiFrame by_qform(const Fields& f, const std::array<double, 3>& pixdim, double unit) {
  const double b = f.quatern(0), c = f.quatern(1), d = f.quatern(2);
  const double a = std::sqrt(std::max(0.0, 1 - b * b - c * c - d * d));
  const double handedness = f.pixdim(0) < 0 ? -1 : 1;
  const auto column = [](double x, double y, double z, double length) {
    return lps(x, y, z, length);
  };
  return {
      column(a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c), pixdim[0]),
      column(2 * (b * c - a * d), a * a + c * c - b * b - d * d, 2 * (c * d + a * b), pixdim[1]),
      column(2 * (b * d + a * c), 2 * (c * d - a * b), a * a + d * d - b * b - c * c,
             pixdim[2] * handedness),
      lps(f.qoffset(0), f.qoffset(1), f.qoffset(2), unit)};
}

void read_frame(const Fields& fields, double unit, NiftiHeader& header) {
  header.has_frame = fields.sform() > 0 || fields.qform() > 0;
  if (fields.sform() > 0) {
    header.frame = by_sform(fields, unit);
  } else if (fields.qform() > 0) {
    header.frame = by_qform(fields, header.pixdim, unit);
  } else {
    header.frame = {
        {header.pixdim[0], 0, 0}, {0, header.pixdim[1], 0}, {0, 0, header.pixdim[2]}, {}};
  }
}

}  // namespace

std::size_t bytes_of(NiftiType type) {
  switch (type) {
    case NiftiType::uint8:
    case NiftiType::int8:
      return 1;
    case NiftiType::int16:
    case NiftiType::uint16:
      return 2;
    case NiftiType::int32:
    case NiftiType::uint32:
    case NiftiType::float32:
      return 4;
    case NiftiType::float64:
    case NiftiType::int64:
    case NiftiType::uint64:
      return 8;
  }
  return 0;
}

std::size_t nifti_header_bytes(std::span<const std::byte, 4> start) {
  for (const bool swapped : {false, true}) {
    const auto size = load<int32_t>(start, 0, swapped);
    if (size == kNifti1Bytes || size == kNifti2Bytes) return static_cast<std::size_t>(size);
  }
  return 0;
}

NiftiHeader parse_nifti_header(std::span<const std::byte> bytes) {
  NiftiHeader header;
  header.swapped = load<int32_t>(bytes, 0, false) != static_cast<int32_t>(bytes.size());
  const Fields fields(bytes, header.swapped);
  if (!fields.has_magic()) damaged("is not that of a single-file NIfTI (magic n+1 or n+2)");
  header.size = read_size(fields);
  header.type = read_type(fields);
  header.data_offset = read_data_offset(fields, bytes.size());
  if (std::isfinite(fields.slope()) && fields.slope() != 0) {
    header.slope = fields.slope();
    header.intercept = std::isfinite(fields.intercept()) ? fields.intercept() : 0;
  }
  const double unit = millimetres(fields.units());
  for (std::size_t i = 0; i < 3; ++i) header.pixdim[i] = std::abs(fields.pixdim(i + 1)) * unit;
  read_frame(fields, unit, header);
  return header;
}

}  // namespace ctclip
