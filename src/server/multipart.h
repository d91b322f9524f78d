#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ctclip {

/// One part of a form, as its Content-Disposition names it. A file's name is never kept: it often
/// holds a patient's.
struct FormPart {
  std::string name;
  bool is_file = false;  ///< has a filename, even an empty one
};

/// Where the parts go as they come. What it throws ends the parsing.
class FormSink {
 public:
  virtual ~FormSink() = default;
  virtual void begin_part(const FormPart& part) = 0;
  virtual void part_data(std::string_view bytes) = 0;
  virtual void end_part() = 0;
};

/// The boundary that a Content-Type of multipart/form-data names, quoted or not. Empty where the
/// type is another one. Throws Error{bad_multipart} where a boundary is missing or is none by
/// RFC 2046 (1 to 70 of its characters).
std::string form_boundary(std::string_view content_type);

/// multipart/form-data (RFC 7578, RFC 2046 section 5.1) as a push parser: bytes go in as they come
/// from the network, in pieces of any size; parts go out to the sink at once. It keeps no more than
/// a part's header block. Lines end in CRLF, as the standard says and every client does.
class MultipartParser {
 public:
  static constexpr std::size_t kMaxHeaderBytes = 8192;  ///< of one part; browsers send about 200
  static constexpr int kMaxParts = 32;                  ///< the service knows five fields

  MultipartParser(std::string_view boundary, FormSink& sink);

  /// Throws Error{bad_multipart} or what the sink throws; the parser is of no use after that.
  void feed(std::string_view bytes);
  /// The body has ended. Throws Error{bad_multipart} where its last boundary has not come.
  void finish() const;

 private:
  enum class State { preamble, after_boundary, headers, data, epilogue };

  std::string_view until_delimiter(std::string_view bytes);
  std::string_view boundary_tail(std::string_view bytes);
  std::string_view headers(std::string_view bytes);
  void delimiter_found();
  void emit(std::string_view bytes);

  const std::string delimiter_;  ///< CRLF, two hyphens, boundary
  FormSink& sink_;
  State state_ = State::preamble;
  std::size_t matched_;  ///< how much of the delimiter the last bytes were
  std::string held_;     ///< the header block, or the rest of a boundary's line, so far
  int parts_ = 0;
};

}  // namespace ctclip
