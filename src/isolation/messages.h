#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "isolation/pack.h"
#include "study/study.h"

namespace ctclip::isolation {

/// What the service and the process that reads a study say to each other: frames of a kind, a
/// length and a packed struct. The reader's side of it is never trusted.
enum class Kind : uint8_t { request, ready, progress, answer, refusal, out_of_memory, unexpected };

/// Longest frame that is taken: the description of 100,000 images with their series has some.
constexpr uint32_t kLongestFrame = uint32_t{16} << 20;

/// First word of the service, before which the reader touches nothing.
struct Request {
  pid_t parent = 0;       ///< a reader whose parent is another one is an orphan
  bool only_try = false;  ///< close the sandbox, say so, and go
  std::string name;       ///< of the input, for messages
  StudyOptions options;
  int32_t threads = 0;
  uint64_t memory = 0;   ///< bytes on top of what the program itself takes
  uint64_t seconds = 0;  ///< of processor time, all threads together
};

/// The sandbox is closed; no byte of the input was looked at yet.
struct Ready {
  std::string missing;  ///< why there is no seccomp filter; empty where it is in force
};

struct Progress {
  std::string stage;
  int64_t done = 0, total = 0;
};

/// The voxels are in the shared memory. `facts` without the slices' headers (Contents::slices).
struct Answer {
  std::array<int64_t, 3> shape = {};
  std::array<float, 3> spacing = {};
  std::array<double, 12> to_patient = {};
  StudyFacts facts;
};

/// load_study threw an Error.
struct Refusal {
  Code code = Code::internal;
  std::string message;
  StudyFacts facts;
};

/// load_study threw something else: an error of the program.
struct Unexpected {
  std::string what;
};

template <>
struct LastOf<Code> {
  static constexpr Code kValue = Code::internal;
};
template <>
struct LastOf<KernelClass> {
  static constexpr KernelClass kValue = KernelClass::other;
};

// A member that is added to one of these structs does not compile until it is named here.

void fields(auto& archive, Like<Limits> auto& value) {
  auto& [upload, inflated, entries, header, min_slices, max_slices, matrix, ratio, depth, voxels] =
      value;
  archive(upload, inflated, entries, header, min_slices, max_slices, matrix, ratio, depth, voxels);
}

void fields(auto& archive, Like<StudyOptions> auto& value) {
  auto& [limits, series_uid, study_uid, any_anatomy] = value;
  archive(limits, series_uid, study_uid, any_anatomy);
}

void fields(auto& archive, Like<Contents> auto& value) {
  auto& [slices, images, hidden, dicomdir, not_dicom, no_image, warnings] = value;
  archive(images, hidden, dicomdir, not_dicom, no_image, warnings);
}

void fields(auto& archive, Like<Series> auto& value) {
  auto& [study_uid, series_uid, modality, kernel, body_part, kernel_class, rows, columns, slices,
         duplicates, invalid, candidate, chosen, refusal, reason, warnings] = value;
  archive(study_uid, series_uid, modality, kernel, body_part, kernel_class, rows, columns, slices,
          duplicates, invalid, candidate, chosen, refusal, reason, warnings);
}

void fields(auto& archive, Like<Choice> auto& value) {
  auto& [series, chosen, refusal, warnings] = value;
  archive(series, chosen, refusal, warnings);
}

void fields(auto& archive, Like<Geometry> auto& value) {
  auto& [order, slices, spacing, first, row, column, normal, positions, tilt, resampled, flip_rows,
         flip_columns, flip_slices, transposed, warnings] = value;
  archive(order, slices, spacing, first, row, column, normal, positions, tilt, resampled, flip_rows,
          flip_columns, flip_slices, transposed, warnings);
}

void fields(auto& archive, Like<Lungs> auto& value) {
  auto& [litres, height_mm, present, reason] = value;
  archive(litres, height_mm, present, reason);
}

void fields(auto& archive, Like<StudyFacts> auto& value) {
  auto& [study_uid, series_uid, format, contents, choice, geometry, shape, warnings, lungs] = value;
  archive(study_uid, series_uid, format, contents, choice, geometry, shape, warnings, lungs);
}

void fields(auto& archive, Like<Request> auto& value) {
  auto& [parent, only_try, name, options, threads, memory, seconds] = value;
  archive(parent, only_try, name, options, threads, memory, seconds);
}

void fields(auto& archive, Like<Ready> auto& value) { archive(value.missing); }

void fields(auto& archive, Like<Progress> auto& value) {
  archive(value.stage, value.done, value.total);
}

void fields(auto& archive, Like<Answer> auto& value) {
  auto& [shape, spacing, to_patient, facts] = value;
  archive(shape, spacing, to_patient, facts);
}

void fields(auto& archive, Like<Refusal> auto& value) {
  archive(value.code, value.message, value.facts);
}

void fields(auto& archive, Like<Unexpected> auto& value) { archive(value.what); }

/// Throws Malformed.
template <typename Message>
Message unpack(std::string_view bytes) {
  Unpacker archive(bytes);
  Message message;
  archive(message);
  archive.finish();
  return message;
}

template <typename Message>
std::string pack(const Message& message) {
  Packer archive;
  archive(message);
  return archive.bytes();
}

}  // namespace ctclip::isolation
