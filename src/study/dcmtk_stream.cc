#include "study/dcmtk_stream.h"

#include <dcmtk/dcmdata/dcerror.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "study/byte_format.h"

namespace ctclip {
namespace {

constexpr std::size_t kWindow = 64 * 1024;
constexpr std::size_t kPutback = 2 * 1024;  // DCMTK asks for 1 KiB
constexpr std::size_t kLookAhead = 4 * 1024;

/// DCMTK parses nested sequences by recursion: some 1 KiB of stack a level. Real ones nest less
/// than ten deep; a thread has 8 MiB.
constexpr std::uintptr_t kMostStack = 512 * 1024;

/// Of processor time. DCMTK keeps elements in sorted lists, so that a header of hundreds of
/// thousands in descending order takes it minutes; a real header takes milliseconds.
constexpr double kMostSeconds = 1;
constexpr uint32_t kReadsBetweenLooks = 256;  // at the clock
constexpr offile_off_t kSkipStep = 1 << 20;

/// Skipped bytes for a byte of the file. Deflate can make a thousand of one; images, overlays and
/// tables are deflated to a tenth at best.
constexpr uint64_t kMostInflation = 16;

double thread_seconds() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::uintptr_t stack_position() {
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

/// Stands for a value that was skipped and cannot be had.
class NoValue : public DcmInputStreamFactory {
 public:
  DcmInputStream* create() const override { return nullptr; }
  DcmInputStreamFactory* clone() const override { return new NoValue; }  // DCMTK owns it
  DcmInputStreamFactoryType ident() const override { return DFT_DcmInputFileStreamFactory; }
};

}  // namespace

WindowProducer::WindowProducer(ByteStream& bytes) : bytes_(bytes), window_(kWindow) {}

OFCondition WindowProducer::status() const { return failed_ ? EC_InvalidStream : EC_Normal; }

OFBool WindowProducer::eos() {
  fill(1);
  return ready() == 0;
}

offile_off_t WindowProducer::avail() {
  fill(kLookAhead);
  return static_cast<offile_off_t>(ready());
}

offile_off_t WindowProducer::read(void* out, offile_off_t length) {
  auto* at = static_cast<std::byte*>(out);
  std::size_t left = length > 0 ? static_cast<std::size_t>(length) : 0;
  while (left > 0) {
    fill(1);
    const std::size_t count = std::min(left, ready());
    if (count == 0) break;
    if (at != nullptr) {
      std::memcpy(at, window_.data() + begin_, count);
      at += count;
    }
    begin_ += count;
    left -= count;
  }
  return length - static_cast<offile_off_t>(left);
}

offile_off_t WindowProducer::skip(offile_off_t length) { return read(nullptr, length); }

void WindowProducer::putback(offile_off_t count) {
  if (count < 0 || static_cast<std::size_t>(count) > begin_) {
    failed_ = true;
  } else {
    begin_ -= static_cast<std::size_t>(count);
  }
}

std::span<const std::byte> WindowProducer::head() {
  fill(kFormatBytes);
  return {window_.data() + begin_, ready()};
}

void WindowProducer::rethrow() const {
  if (error_) std::rethrow_exception(error_);
}

void WindowProducer::fill(std::size_t wanted) {
  if (ready() >= wanted || ended_ || failed_) return;
  const std::size_t kept = begin_ - std::min(begin_, kPutback);
  std::memmove(window_.data(), window_.data() + kept, end_ - kept);
  begin_ -= kept;
  end_ -= kept;
  try {
    while (ready() < wanted && !ended_) {
      const std::size_t got = bytes_.read(std::span(window_).subspan(end_));
      ended_ = got == 0;
      taken_ += got;
      end_ += got;
    }
  } catch (...) {
    error_ = std::current_exception();
    failed_ = true;
  }
}

GuardedStream::GuardedStream(ByteStream& bytes, uint64_t header_bytes)
    : DcmInputStream(&producer_),
      producer_(bytes),
      header_bytes_(header_bytes),
      stack_base_(stack_position()),
      began_(thread_seconds()) {}

OFCondition GuardedStream::status() const {
  return problem_.empty() ? DcmInputStream::status() : EC_InvalidStream;
}

offile_off_t GuardedStream::avail() {
  guard();
  return problem_.empty() ? DcmInputStream::avail() : 0;
}

offile_off_t GuardedStream::read(void* out, offile_off_t length) {
  guard();
  const offile_off_t got = problem_.empty() ? DcmInputStream::read(out, length) : 0;
  // DCMTK takes tags and lengths without asking how much it got.
  if (got < length)
    std::memset(static_cast<uint8_t*>(out) + got, 0, static_cast<std::size_t>(length - got));
  if (in_header_) remember(static_cast<const uint8_t*>(out), static_cast<std::size_t>(got));
  return got;
}

// In steps, as a deflated file may claim gigabytes that take it no bytes and us time to inflate.
offile_off_t GuardedStream::skip(offile_off_t length) {
  offile_off_t done = 0;
  while (done < length) {
    look_at_clock();
    guard();
    if (!problem_.empty()) break;
    const offile_off_t got = DcmInputStream::skip(std::min(length - done, kSkipStep));
    if (got <= 0) break;
    skipped_ += static_cast<uint64_t>(got);
    done += got;
  }
  return done;
}

DcmInputStreamFactory* GuardedStream::newFactory() const { return new NoValue; }

void GuardedStream::guard() {
  if (!in_header_ || !problem_.empty()) return;
  if (static_cast<uint64_t>(tell()) > header_bytes_ + skipped_) {
    problem_ = fmt::format("its header has more than {} bytes", header_bytes_);
  }
  if (skipped_ > header_bytes_ + kMostInflation * producer_.taken()) {
    problem_ = "its header inflates to far more than the file holds";
  }
  if (++reads_ % kReadsBetweenLooks == 0) look_at_clock();
  const std::uintptr_t now = stack_position();
  const std::uintptr_t used = now < stack_base_ ? stack_base_ - now : 0;
  if (used > kMostStack) problem_ = "its header nests sequences too deeply";
}

void GuardedStream::look_at_clock() {
  if (in_header_ && thread_seconds() - began_ > kMostSeconds) {
    problem_ = "its header takes too long to read";
  }
}

void GuardedStream::remember(const uint8_t* bytes, std::size_t count) {
  const std::size_t taken = std::min(count, last_.size());
  std::memmove(last_.data(), last_.data() + taken, last_.size() - taken);
  if (taken > 0) std::memcpy(last_.data() + last_.size() - taken, bytes + count - taken, taken);
}

}  // namespace ctclip
