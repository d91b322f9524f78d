#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/sha256.h"
#include "server/multipart.h"
#include "server/parameters.h"
#include "server/spool.h"

namespace ctclip {

/// What a client sent: the study on disk and what it asks for.
struct Upload {
  SpoolFile file;  ///< still open, so that it can be settled
  std::string sha256;
  Parameters parameters;
};

/// A form with a study in it, written to the spool as its bytes come. Uses the disk, so it is
/// called from threads that may wait.
class UploadForm : private FormSink {
 public:
  /// Bytes of a form around its file: headers, boundaries, other fields.
  static constexpr uint64_t kOverhead = 64 << 10;

  UploadForm(std::string_view boundary, const Spool& spool, uint64_t max_bytes);

  /// Throws Error{bad_multipart, bad_parameter, upload_too_large, disk_full, internal}.
  void feed(std::string_view bytes);
  /// The body has ended. Also throws Error{missing_file_field, empty_upload}.
  Upload finish();

 private:
  void begin_part(const FormPart& part) override;
  void part_data(std::string_view bytes) override;
  void end_part() override;
  void write(std::string_view bytes);

  MultipartParser parser_;
  const Spool& spool_;
  const uint64_t max_bytes_;
  std::optional<SpoolFile> file_;
  Sha256 digest_;
  uint64_t next_space_check_ = 0;
  bool in_file_ = false;
  std::string field_, value_;
  std::optional<std::string> unknown_;  ///< the first field of a name that nobody knows
  Parameters parameters_;
  uint64_t total_ = 0;
};

/// The sentence for a body over the limit.
[[noreturn]] void refuse_too_large(uint64_t limit);

}  // namespace ctclip
