#pragma once

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcistrma.h>

#include <array>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "study/source.h"

namespace ctclip {

/// A ByteStream as DCMTK wants to read it: with look-ahead and putback, by way of a window. An
/// exception of the stream is kept for `rethrow`, as DCMTK leaks when one passes through it.
class WindowProducer : public DcmProducer {
 public:
  explicit WindowProducer(ByteStream& bytes);

  OFBool good() const override { return !failed_; }
  OFCondition status() const override;
  OFBool eos() override;
  offile_off_t avail() override;
  offile_off_t read(void* out, offile_off_t length) override;
  offile_off_t skip(offile_off_t length) override;
  void putback(offile_off_t count) override;

  /// The first bytes of the file; only before anything was read.
  std::span<const std::byte> head();
  void rethrow() const;
  /// Bytes that the stream has given so far.
  uint64_t taken() const { return taken_; }

 private:
  std::size_t ready() const { return end_ - begin_; }
  void fill(std::size_t wanted);

  ByteStream& bytes_;
  std::vector<std::byte> window_;
  std::size_t begin_ = 0, end_ = 0;
  bool ended_ = false, failed_ = false;
  uint64_t taken_ = 0;
  std::exception_ptr error_;
};

/// DCMTK's parser reads from this; it is where its appetite is bounded.
class GuardedStream : public DcmInputStream {
 public:
  GuardedStream(ByteStream& bytes, uint64_t header_bytes);

  OFBool good() const override { return problem_.empty() && DcmInputStream::good(); }
  OFCondition status() const override;
  offile_off_t avail() override;
  offile_off_t read(void* out, offile_off_t length) override;
  offile_off_t skip(offile_off_t length) override;
  /// Called for a value longer than DicomReader::kLongestValue: it will never be loaded.
  DcmInputStreamFactory* newFactory() const override;

  WindowProducer& producer() { return producer_; }
  /// The bounds hold for the header only.
  void end_header() { in_header_ = false; }
  const std::string& problem() const { return problem_; }
  /// The bytes that were read last: where parsing stopped, PixelData's tag, VR and length.
  const std::array<uint8_t, 12>& last_bytes() const { return last_; }

 private:
  void guard();
  void look_at_clock();
  void remember(const uint8_t* bytes, std::size_t count);

  WindowProducer producer_;
  const uint64_t header_bytes_;
  const std::uintptr_t stack_base_;
  const double began_;  ///< seconds of this thread's processor time
  uint32_t reads_ = 0;
  uint64_t skipped_ = 0;
  bool in_header_ = true;
  std::string problem_;
  std::array<uint8_t, 12> last_ = {};
};

}  // namespace ctclip
