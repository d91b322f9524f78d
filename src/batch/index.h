#pragma once

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "batch/shard.h"
#include "batch/study_file.h"

namespace ctclip::batch {

/// What tells whether a study is still the one that a row was made of.
struct Fingerprint {
  int64_t size = 0;      ///< bytes of all its files
  int64_t modified = 0;  ///< of the youngest, ns since 1970
  int64_t files = 0;
  bool operator==(const Fingerprint&) const = default;
};

/// One study of the input.
struct Study {
  int64_t number = 0;     ///< in the order of the paths, from 1
  std::string path;       ///< relative to the input: of its file, or of the folder that it fills
  std::string study_uid;  ///< where loose DICOM files say it, or `asked_for`
  std::string asked_for;  ///< of several studies at the path the one to be answered; empty for any
  bool alone = false;     ///< one file that is sent as it is; else DICOM files
  Fingerprint fingerprint;
};

/// The studies of an input, however many: kept in a private database on disk that goes away with
/// the object, so that memory does not grow with them. For one thread at a time.
///
/// How many studies an archive holds is known once it has been asked about: it is one study until
/// then, and as many as it holds when `split` or `set_done` has said so.
class Index {
 public:
  Index();

  void add(const StudyFile& file);
  /// To be called once, when every file was added: makes the studies of this shard. Loose DICOM
  /// files of one StudyInstanceUID are one study, wherever they lie; those without one belong to
  /// the study beside them, where there is exactly one in their folder, else they are a study of
  /// their own, which will fail with a reason. A study's path is the folder that holds all its
  /// files and nothing of other studies, else that of its first file.
  void group(const Shard& shard);

  int64_t studies() const;
  /// Takes a study out of what `next` gives, or back in. `text`: its path as in a journal;
  /// `others`: what is at the path besides `study_uid`, which `next` will give. A study of another
  /// fingerprint, and one that is not there, is left alone.
  void set_done(const std::string& text, const Fingerprint& fingerprint,
                const std::string& study_uid, const std::vector<std::string>& others, bool done);
  /// The studies at a path, one at least, none of which is answered.
  void split(const Study& study, const std::vector<std::string>& studies);
  int64_t done() const;

  /// The next study to be answered, each once: in the order of the paths, and after them the other
  /// studies of archives that turned out to hold several.
  std::optional<Study> next();
  /// A study's files, relative to the input, sorted.
  std::vector<std::string> files(const Study& study) const;

 private:
  void adopt_strays();
  std::string folder_of(const std::string& group, const std::string& first,
                        const std::string& last) const;
  void fill_queue(const Shard& shard);
  std::optional<int64_t> place_of(const std::string& text, const Fingerprint& fingerprint) const;
  bool is_split(int64_t place) const;
  void split(int64_t place, const std::vector<std::string>& studies);
  int64_t count(const char* sql) const;

  SQLite::Database database_;
};

}  // namespace ctclip::batch
