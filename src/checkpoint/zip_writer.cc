#include "checkpoint/zip_writer.h"

#include <zlib.h>

#include <system_error>
#include <utility>

#include "base/error.h"

namespace ctclip {
namespace {

constexpr uint16_t kVersion = 45;  // zip64
constexpr uint64_t kAlignment = 64;
constexpr uint64_t kHeaderSize = 30;
constexpr uint64_t kZip64Size = 4 + 16;  // in a local header
constexpr uint64_t kFieldSize = 4;       // head of the padding field
constexpr uint16_t kDosDate = 0x21;      // 1 January 1980
constexpr uint64_t kIn64 = 0xffffffff;
constexpr uint16_t kStored = 0, kDeflated = 8;

/// Little-endian fields one behind the other.
class Fields {
 public:
  Fields& put(uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      bytes_.push_back(static_cast<std::byte>((value >> (8 * i)) & 0xffU));
    }
    return *this;
  }
  Fields& put(const std::string& text) {
    for (const char c : text) bytes_.push_back(static_cast<std::byte>(c));
    return *this;
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

/// Fields that a local header and a directory entry have in common, up to the length of the name.
void put_common(Fields& fields, uint16_t method, uint32_t crc, std::size_t name_size) {
  fields.put(kVersion, 2).put(0, 2).put(method, 2);  // no flags
  fields.put(0, 2).put(kDosDate, 2).put(crc, 4);
  fields.put(kIn64, 4).put(kIn64, 4).put(name_size, 2);
}

uint32_t checksum(std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

Deflated deflate_record(std::span<const std::byte> bytes) {
  z_stream stream = {};
  // A negative window: no header of zlib's around the bytes.
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw Error(Code::internal, "zlib has no memory");
  }
  Deflated record = {{}, bytes.size(), checksum(bytes)};
  record.bytes.resize(deflateBound(&stream, bytes.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(record.bytes.data());
  stream.avail_out = static_cast<uInt>(record.bytes.size());
  const int result = deflate(&stream, Z_FINISH);
  record.bytes.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw Error(Code::internal, "zlib cannot compress a record");
  return record;
}

ZipWriter::ZipWriter(std::filesystem::path path)
    : path_(std::move(path)), part_(path_.string() + ".part"), out_(part_, std::ios::binary) {
  if (!out_) throw Error(Code::internal, part_.string() + ": cannot be written");
}

ZipWriter::~ZipWriter() {
  if (finished_) return;
  out_.close();
  std::error_code ignored;
  std::filesystem::remove(part_, ignored);
}

void ZipWriter::write(std::span<const std::byte> bytes) {
  out_.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!out_) throw Error(Code::internal, part_.string() + ": cannot be written; is the disk full?");
  position_ += bytes.size();
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> bytes) {
  add({name, position_, bytes.size(), checksum(bytes), kStored, bytes.size()}, bytes);
}

void ZipWriter::add(const std::string& name, const Deflated& record) {
  add({name, position_, record.size, record.crc, kDeflated, record.bytes.size()}, record.bytes);
}

void ZipWriter::add(const Record& record, std::span<const std::byte> stored) {
  const std::string& name = record.name;
  const uint64_t data = position_ + kHeaderSize + name.size() + kZip64Size + kFieldSize;
  const uint64_t padding = (kAlignment - data % kAlignment) % kAlignment;
  Fields header;
  header.put(0x04034b50, 4);
  put_common(header, record.method, record.crc, name.size());
  header.put(kZip64Size + kFieldSize + padding, 2).put(name);
  header.put(1, 2).put(16, 2).put(record.size, 8).put(record.stored, 8);
  header.put("FB").put(padding, 2).put(std::string(padding, 'Z'));  // as PyTorch pads
  write(header.bytes());
  write(stored);
  records_.push_back(record);
}

void ZipWriter::finish() {
  const uint64_t directory = position_;
  for (const Record& record : records_) {
    Fields entry;
    entry.put(0x02014b50, 4).put(kVersion, 2);
    put_common(entry, record.method, record.crc, record.name.size());
    entry.put(4 + 24, 2).put(0, 2).put(0, 2).put(0, 2).put(0, 4).put(kIn64, 4).put(record.name);
    entry.put(1, 2).put(24, 2).put(record.size, 8).put(record.stored, 8).put(record.offset, 8);
    write(entry.bytes());
  }
  const uint64_t end = position_;
  Fields tail;
  tail.put(0x06064b50, 4).put(44, 8).put(kVersion, 2).put(kVersion, 2).put(0, 4).put(0, 4);
  tail.put(records_.size(), 8).put(records_.size(), 8).put(end - directory, 8).put(directory, 8);
  tail.put(0x07064b50, 4).put(0, 4).put(end, 8).put(1, 4);
  tail.put(0x06054b50, 4).put(0, 2).put(0, 2).put(0xffff, 2).put(0xffff, 2);
  tail.put(kIn64, 4).put(kIn64, 4).put(0, 2);
  write(tail.bytes());
  out_.close();
  std::error_code failure;
  if (out_) std::filesystem::rename(part_, path_, failure);
  if (!out_ || failure) throw Error(Code::internal, path_.string() + ": cannot be written");
  finished_ = true;
}

}  // namespace ctclip
