#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ctclip {

/// Whose fault an error is. One table (server/status.h) turns it into an HTTP status and an exit
/// code.
enum class Fault {
  bad_request,    ///< what was sent is no study at all
  too_large,      ///< over a limit
  unprocessable,  ///< a study, but none that a right answer can be given for
  busy,           ///< the queue is full; try again
  unavailable,    ///< starting, shutting down, disk nearly full; try again
  cancelled,      ///< the client went away
  usage,          ///< wrong options on the command line
  bad_model,      ///< a checkpoint, vocabulary or LightGBM model that cannot be right
  internal,       ///< ours
};

/// Every error that the program can report. The name (see `info`) is the stable `error_code` of an
/// answer.
enum class Code {
  bad_http,
  missing_file_field,
  bad_multipart,
  bad_parameter,
  empty_upload,
  unsupported_format,
  damaged_archive,
  encrypted_archive,
  unauthenticated,
  forbidden,
  not_found,
  method_not_allowed,
  upload_too_slow,
  upload_too_large,
  inflated_too_large,
  too_many_entries,
  too_many_slices,
  image_too_large,
  nested_too_deep,
  no_dicom,
  too_few_slices,
  not_ct,
  no_axial_series,
  series_not_found,
  missing_uid,
  missing_geometry,
  inconsistent_geometry,
  gantry_tilt,
  uneven_spacing,
  missing_slices,
  undecodable_pixels,
  damaged_nifti,
  no_lungs,
  lungs_outside,
  read_crashed,
  read_out_of_memory,
  read_timeout,
  study_timeout,
  idempotency_conflict,
  queue_full,
  client_limit,
  too_many_attempts,
  starting,
  too_many_connections,
  shutting_down,
  disk_full,
  history_unavailable,
  cancelled,
  usage,
  bad_model,
  internal,
};

struct CodeInfo {
  Code code;
  std::string_view name;
  Fault fault;
  std::string_view meaning;
};

/// The whole list, in the order of `Code`; docs/errors and the API description are made from it.
std::span<const CodeInfo> all_codes();
const CodeInfo& info(Code code);

/// The one exception type. The message is a clear sentence: the file, what was expected, what was
/// found; never a patient's name or ID. Caught in three places: the HTTP session, the job runner
/// and `main`.
class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Code code() const { return code_; }
  Fault fault() const { return info(code_).fault; }

 private:
  Code code_;
};

}  // namespace ctclip
