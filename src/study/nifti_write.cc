#include <fcntl.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "study/nifti.h"
#include "study/nifti_header.h"

namespace ctclip {
namespace {

constexpr std::size_t kDataOffset = 352;  // the header and four bytes that say: no extensions
constexpr int16_t kScannerCoordinates = 1;
constexpr uint8_t kMillimetres = 2;

template <typename T>
void store(std::array<std::byte, kDataOffset>& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

/// Column of volume.to_patient as RAS.
Vec3 ras(const Volume& volume, std::size_t column) {
  const auto& m = volume.to_patient;
  return {-m[column], -m[4 + column], m[8 + column]};
}

/// (b, c, d) of the unit quaternion of the rotation with these columns, a >= 0 (nifti1.h).
Vec3 quaternion(const Vec3& i, const Vec3& j, const Vec3& k) {
  const double trace = i[0] + j[1] + k[2];
  // The largest of the four squares, so that nothing small is divided by.
  const std::array<double, 4> squares = {1 + trace, 1 + 2 * i[0] - trace, 1 + 2 * j[1] - trace,
                                         1 + 2 * k[2] - trace};
  const auto largest = std::max_element(squares.begin(), squares.end()) - squares.begin();
  const double twice = std::sqrt(squares[static_cast<std::size_t>(largest)]);
  std::array<double, 4> q;  // a, b, c, d, each times 2 * twice
  switch (largest) {
    case 0:
      q = {twice * twice, j[2] - k[1], k[0] - i[2], i[1] - j[0]};
      break;
    case 1:
      q = {j[2] - k[1], twice * twice, j[0] + i[1], k[0] + i[2]};
      break;
    case 2:
      q = {k[0] - i[2], j[0] + i[1], twice * twice, k[1] + j[2]};
      break;
    default:
      q = {i[1] - j[0], k[0] + i[2], k[1] + j[2], twice * twice};
      break;
  }
  const double sign = q[0] < 0 ? -1 : 1;
  return scale({q[1], q[2], q[3]}, sign / (2 * twice));
}

void store_frame(std::array<std::byte, kDataOffset>& bytes, const Volume& volume) {
  const Vec3 i = ras(volume, 2), j = ras(volume, 1), k = ras(volume, 0), origin = ras(volume, 3);
  for (std::size_t row = 0; row < 3; ++row) {
    const std::array<double, 4> values = {i[row], j[row], k[row], origin[row]};
    for (std::size_t c = 0; c < 4; ++c) {
      store(bytes, 280 + (row * 4 + c) * 4, static_cast<float>(values[c]));
    }
    store(bytes, 268 + row * 4, static_cast<float>(origin[row]));
  }
  // qform can only say rotations: axes made orthogonal, the third one by the sign of pixdim[0].
  const Vec3 x = unit(i), y = unit(subtract(j, scale(x, dot(j, x)))), z = cross(x, y);
  const Vec3 q = quaternion(x, y, z);
  for (std::size_t n = 0; n < 3; ++n) store(bytes, 256 + n * 4, static_cast<float>(q[n]));
  store(bytes, 76, dot(z, k) < 0 ? -1.0F : 1.0F);
  store(bytes, 252, kScannerCoordinates);
  store(bytes, 254, kScannerCoordinates);
}

std::array<std::byte, kDataOffset> make_header(const Volume& volume) {
  std::array<std::byte, kDataOffset> bytes = {};
  store(bytes, 0, static_cast<int32_t>(kNifti1Bytes));
  store(bytes, 40, int16_t{3});
  for (std::size_t axis = 0; axis < 7; ++axis) {
    const int64_t size = axis < 3 ? volume.hu.dim(2 - axis) : 1;
    if (size > INT16_MAX) {
      throw Error(Code::internal, fmt::format("NIfTI-1 cannot hold an axis of {} voxels.", size));
    }
    store(bytes, 42 + axis * 2, static_cast<int16_t>(size));
    store(bytes, 80 + axis * 4, axis < 3 ? volume.spacing[2 - axis] : 1.0F);
  }
  store(bytes, 70, static_cast<int16_t>(NiftiType::float32));
  store(bytes, 72, int16_t{32});
  store(bytes, 108, static_cast<float>(kDataOffset));
  store(bytes, 112, 1.0F);
  store(bytes, 123, kMillimetres);
  store_frame(bytes, volume);
  std::memcpy(bytes.data() + 344, "n+1", 4);
  return bytes;
}

struct Close {
  void operator()(gzFile file) const { gzclose(file); }
};
using GzipWriter = std::unique_ptr<std::remove_pointer_t<gzFile>, Close>;

[[noreturn]] void cannot_write(const std::string& name) {
  throw Error(Code::internal, fmt::format("{} cannot be written.", name));
}

void write_all(gzFile file, std::span<const std::byte> bytes, const std::string& name) {
  while (!bytes.empty()) {
    const auto chunk = static_cast<unsigned>(std::min<std::size_t>(bytes.size(), 1 << 24));
    if (gzwrite(file, bytes.data(), chunk) != static_cast<int>(chunk)) cannot_write(name);
    bytes = bytes.subspan(chunk);
  }
}

}  // namespace

void write_nifti(int descriptor, const std::string& name, const Volume& volume, bool zipped) {
  // T: as it is, without a gzip header. Level 3: CT noise hardly shrinks any further.
  GzipWriter file(descriptor < 0 ? nullptr : gzdopen(descriptor, zipped ? "wb3" : "wbT"));
  if (!file) cannot_write(name);
  const auto header = make_header(volume);
  write_all(file.get(), header, name);
  write_all(file.get(), std::as_bytes(volume.hu.values()), name);
  if (gzclose(file.release()) != Z_OK) cannot_write(name);
}

void write_nifti(const std::filesystem::path& path, const Volume& volume) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  write_nifti(file, path.string(), volume, path.extension() == ".gz");
}

}  // namespace ctclip
