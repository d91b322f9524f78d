#pragma once

#include <string>
#include <vector>

namespace ctclip {

/// Silences DCMTK's own log (it may quote patient data), registers its codecs and makes sure that
/// its data dictionary is there. Once for the program; any thread may call it. Throws
/// Error{internal} where there is no dictionary.
void set_up_dcmtk();

/// What DCMTK's codecs warned of in this thread while this exists. They return success for a
/// damaged stream and put the damage into their log only. At most a few messages are kept.
class CodecWarnings {
 public:
  CodecWarnings();
  ~CodecWarnings();
  CodecWarnings(const CodecWarnings&) = delete;
  CodecWarnings& operator=(const CodecWarnings&) = delete;
  const std::vector<std::string>& messages() const { return messages_; }

 private:
  std::vector<std::string> messages_;
};

}  // namespace ctclip
