#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "study/nifti.h"
#include "study/nifti_header.h"
#include "study/orientation.h"
#include "study/series_rules.h"

namespace ctclip {
namespace {

constexpr double kShearAccepted = 3;                      // degrees, as the tilt of a DICOM series
constexpr double kSameSpacing = 1e-3;                     // relative
constexpr double kSpacingLow = 0.01, kSpacingHigh = 100;  // mm
constexpr float kNoNumber = -1024;                        // HU
// Deflate codes at most 258 bytes in two bits (RFC 1951): a file cannot inflate to more than this
// often its size.
constexpr uint64_t kLargestRatio = 1032;

/// The bytes of a file, inflated if it is gzip.
class GzipFile {
 public:
  /// zlib reads from the descriptor's own place: one at a time for an input.
  explicit GzipFile(const InputFile& input) {
    Descriptor copy(fcntl(input.descriptor(), F_DUPFD_CLOEXEC, 0));
    if (copy.get() >= 0 && lseek(copy.get(), 0, SEEK_SET) == 0) {
      file_.reset(gzdopen(copy.get(), "rb"));
    }
    if (!file_) throw Error(Code::damaged_nifti, "The NIfTI file cannot be opened.");
    copy.release();  // zlib closes it
    gzbuffer(file_.get(), 1 << 17);
  }

  /// Fills `out` or throws Error{damaged_nifti}: `what` it would have been.
  void read(std::span<std::byte> out, const std::string& what) {
    while (!out.empty()) {
      const auto chunk = static_cast<unsigned>(std::min<std::size_t>(out.size(), 1 << 24));
      const int count = gzread(file_.get(), out.data(), chunk);
      if (count <= 0) {
        throw Error(Code::damaged_nifti,
                    fmt::format("The NIfTI file is truncated or damaged in {}.", what));
      }
      out = out.subspan(static_cast<std::size_t>(count));
    }
  }

  void skip(int64_t bytes, const std::string& what) {
    std::array<std::byte, 4096> nowhere;
    while (bytes > 0) {
      const auto chunk = std::min<int64_t>(bytes, static_cast<int64_t>(nowhere.size()));
      read(std::span(nowhere).first(static_cast<std::size_t>(chunk)), what);
      bytes -= chunk;
    }
  }

  /// gzip's checksum comes after the data: reads on to it, through at most 1 MiB of anything else.
  void check_end() {
    std::array<std::byte, 4096> rest;
    for (int i = 0; i < 256; ++i) {
      const int count = gzread(file_.get(), rest.data(), rest.size());
      int status = Z_OK;
      gzerror(file_.get(),
              &status);  // a file without its checksum ends like a whole one but for this
      if (count < 0 || status != Z_OK) {
        throw Error(Code::damaged_nifti,
                    "The NIfTI file ends early or its data do not match their checksum.");
      }
      if (count == 0) return;
    }
  }

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose_r(file); }
  };
  std::unique_ptr<std::remove_pointer_t<gzFile>, Close> file_;
};

NiftiHeader read_header(GzipFile& file) {
  std::array<std::byte, kNifti2Bytes> bytes;
  const std::span<std::byte> all(bytes);
  file.read(all.first(4), "its header");
  const std::size_t size = nifti_header_bytes(std::span(bytes).first<4>());
  if (size == 0) throw Error(Code::damaged_nifti, "The file does not begin with a NIfTI header.");
  file.read(all.subspan(4, size - 4), "its header");
  NiftiHeader header = parse_nifti_header(all.first(size));
  file.skip(header.data_offset - static_cast<int64_t>(size), "its header extensions");
  return header;
}

void check_size(const NiftiHeader& header, uint64_t held, const Limits& limits) {
  const auto [columns, rows, slices] = header.size;
  const std::string size =
      fmt::format("The NIfTI volume has {} x {} x {} voxels", columns, rows, slices);
  if (slices < limits.min_slices) {
    throw Error(Code::too_few_slices,
                fmt::format("{}: at least {} slices are needed.", size, limits.min_slices));
  }
  if (slices > limits.max_slices) {
    throw Error(Code::too_many_slices,
                fmt::format("{}: at most {} slices are taken.", size, limits.max_slices));
  }
  // Rows and columns first, so that the product cannot overflow.
  if (columns > limits.max_matrix || rows > limits.max_matrix ||
      columns * rows * slices > limits.max_voxels) {
    throw Error(Code::image_too_large,
                fmt::format("{}: at most {} rows or columns and {} voxels are taken.", size,
                            limits.max_matrix, limits.max_voxels));
  }
  const uint64_t claimed = static_cast<uint64_t>(columns * rows * slices) * bytes_of(header.type);
  if (claimed / kLargestRatio > held) {
    throw Error(Code::damaged_nifti, fmt::format("{}, more than the file can hold.", size));
  }
  if (claimed > Limits::kHarmless && claimed / limits.ratio > held) {
    throw Error(Code::inflated_too_large,
                fmt::format("{}, which is more than {} times the file.", size, limits.ratio));
  }
}

bool is_step(const Vec3& axis) {
  return finite(axis) && length(axis) >= kSpacingLow && length(axis) <= kSpacingHigh;
}

bool makes_sense(const NiftiFrame& frame) {
  return finite(frame.origin) && is_step(frame.i) && is_step(frame.j) && is_step(frame.k);
}

void check_axes(const NiftiFrame& frame) {
  if (!makes_sense(frame)) {
    throw Error(Code::inconsistent_geometry, "The NIfTI affine or pixdim makes no sense.");
  }
  const Vec3 i = unit(frame.i), j = unit(frame.j), k = unit(frame.k);
  if (std::abs(dot(i, j)) > std::sin(kShearAccepted / kDegrees)) {
    throw Error(Code::inconsistent_geometry,
                "The NIfTI affine's rows and columns are not at a "
                "right angle.");
  }
  Slice image;
  image.orientation = {i[0], i[1], i[2], j[0], j[1], j[2]};
  if (!is_axial(image)) {
    throw Error(Code::no_axial_series,
                fmt::format("The NIfTI volume's slices are not axial within {:.0f} degrees.",
                            kAxialDegrees));
  }
  const double shear = angle_between_lines(k, unit(cross(i, j)));
  if (shear > kShearAccepted) {
    throw Error(Code::gantry_tilt,
                fmt::format("The NIfTI volume's slices are sheared by {:.1f} degrees against the "
                            "line they are stacked along; at most {:.0f} are accepted.",
                            shear, kShearAccepted));
  }
}

/// pixdim, or the affine's steps where the two disagree.
std::array<double, 3> spacing_of(const NiftiHeader& header, std::vector<std::string>& warnings) {
  const std::array<double, 3> steps = {length(header.frame.i), length(header.frame.j),
                                       length(header.frame.k)};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (std::abs(header.pixdim[axis] - steps[axis]) <= kSameSpacing * steps[axis]) continue;
    warnings.push_back(fmt::format(
        "pixdim ({:.3f} {:.3f} {:.3f} mm) and the affine ({:.3f} {:.3f} {:.3f} mm) of the NIfTI "
        "file disagree; the affine was taken.",
        header.pixdim[0], header.pixdim[1], header.pixdim[2], steps[0], steps[1], steps[2]));
    return steps;
  }
  return header.pixdim;
}

Geometry plan(const NiftiHeader& header, std::vector<std::string>& warnings) {
  check_axes(header.frame);
  Geometry geometry;
  orient(geometry, unit(header.frame.i), unit(header.frame.j));
  // Unlike DICOM's, the third axis is free to run either way.
  geometry.flip_slices = header.frame.k[2] < 0;
  geometry.slices = header.size[2];
  const std::array<double, 3> spacing = spacing_of(header, warnings);
  geometry.spacing = {spacing[2], spacing[geometry.transposed ? 0 : 1],
                      spacing[geometry.transposed ? 1 : 0]};
  geometry.first_position = header.frame.origin;
  if (geometry.flip_slices) {
    geometry.first_position =
        add(header.frame.origin, scale(header.frame.k, static_cast<double>(header.size[2] - 1)));
  }
  if (!header.has_frame) {
    warnings.emplace_back(
        "The NIfTI file says nothing of its orientation; x was taken to run to the left, y to the "
        "back, z to the head.");
  }
  return geometry;
}

/// One slice from the bytes of the file to HU.
class SliceReader {
 public:
  SliceReader(const NiftiHeader& header, GzipFile& file)
      : header_(header),
        file_(file),
        raw_(static_cast<std::size_t>(header.size[0] * header.size[1]) * bytes_of(header.type)),
        hu_(static_cast<std::size_t>(header.size[0] * header.size[1])) {}

  std::span<const float> next() {
    file_.read(raw_, fmt::format("slice {} of {}", ++slice_, header_.size[2]));
    switch (header_.type) {
      case NiftiType::uint8:
        convert<uint8_t>();
        break;
      case NiftiType::int8:
        convert<int8_t>();
        break;
      case NiftiType::int16:
        convert<int16_t>();
        break;
      case NiftiType::uint16:
        convert<uint16_t>();
        break;
      case NiftiType::int32:
        convert<int32_t>();
        break;
      case NiftiType::uint32:
        convert<uint32_t>();
        break;
      case NiftiType::int64:
        convert<int64_t>();
        break;
      case NiftiType::uint64:
        convert<uint64_t>();
        break;
      case NiftiType::float32:
        convert<float>();
        break;
      case NiftiType::float64:
        convert<double>();
        break;
    }
    return hu_;
  }

  int64_t no_numbers() const { return no_numbers_; }

 private:
  template <typename T>
  void convert() {
    for (std::size_t i = 0; i < hu_.size(); ++i) {
      std::array<std::byte, sizeof(T)> bytes;
      std::memcpy(bytes.data(), raw_.data() + i * sizeof(T), sizeof(T));
      if (header_.swapped) std::reverse(bytes.begin(), bytes.end());
      T stored;
      std::memcpy(&stored, bytes.data(), sizeof(T));
      const double value = static_cast<double>(stored) * header_.slope + header_.intercept;
      // Narrowing a double that float cannot hold is undefined.
      const bool is_number = std::abs(value) <= 1e30;
      hu_[i] = is_number ? static_cast<float>(value) : kNoNumber;
      no_numbers_ += !is_number;
    }
  }

  const NiftiHeader& header_;
  GzipFile& file_;
  std::vector<std::byte> raw_;
  std::vector<float> hu_;
  int64_t slice_ = 0, no_numbers_ = 0;
};

Tensor read_voxels(const NiftiHeader& header, const Geometry& geometry, GzipFile& file,
                   const VolumeMemory& memory, Watch& watch, std::vector<std::string>& warnings) {
  const auto [columns, rows, slices] = header.size;
  const Matrix matrix = oriented(geometry, rows, columns);
  Tensor hu = memory({slices, matrix.rows, matrix.columns});
  SliceReader reader(header, file);
  for (int64_t k = 0; k < slices; ++k) {
    const std::span<const float> image = reader.next();
    float* plane = hu.data() + (geometry.flip_slices ? slices - 1 - k : k) * rows * columns;
    for_each_pixel(geometry, rows, columns, image, [&](int64_t to, float x) { plane[to] = x; });
    watch.advance(k + 1, slices);
  }
  file.check_end();
  if (reader.no_numbers() > 0) {
    warnings.push_back(fmt::format("{} of the NIfTI file {} no number and {} taken as {:.0f} HU.",
                                   counted(reader.no_numbers(), "voxel"),
                                   reader.no_numbers() == 1 ? "is" : "are",
                                   reader.no_numbers() == 1 ? "was" : "were", kNoNumber));
  }
  return hu;
}

}  // namespace

Assembly read_nifti(const InputFile& input, const Limits& limits, Watch& watch,
                    const VolumeMemory& memory) {
  GzipFile file(input);
  const NiftiHeader header = read_header(file);
  check_size(header, input.size(), limits);
  Assembly assembly;
  Geometry geometry = plan(header, assembly.warnings);
  assembly.volume.hu = read_voxels(header, geometry, file, memory, watch, assembly.warnings);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    assembly.volume.spacing[axis] = static_cast<float>(geometry.spacing[axis]);
  }
  const Vec3 step = scale(header.frame.k, geometry.flip_slices ? -1 : 1);
  assembly.volume.to_patient = to_patient(geometry, step, header.size[1], header.size[0]);
  assembly.geometry = std::move(geometry);
  return assembly;
}

}  // namespace ctclip
