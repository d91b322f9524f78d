#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "history/time.h"

namespace ctclip::history {

enum class State {
  queued,     ///< accepted, waits for the detectors
  running,    ///< in them
  done,       ///< answered
  failed,     ///< answered, too: why there is no probability
  cancelled,  ///< by its client, or because nobody waited for it any more
};
std::string_view name_of(State state);
std::optional<State> state_from(std::string_view name);
/// Nothing changes any more.
inline bool ended(State state) { return state > State::running; }

/// One accepted study, as the history has it. No name or ID of a patient, no file name of a client.
struct Study {
  int64_t number = 0;  ///< the order of acceptance, whatever the clock says
  std::string id;      ///< 128 random bits, hexadecimal
  std::string owner;   ///< id of the API key that sent it; empty for none
  std::string client;  ///< address that it came from

  std::string sha256;     ///< of the upload
  int64_t bytes = 0;      ///< of the upload
  std::string options;    ///< what was asked, JSON with sorted keys: equal text, equal question
  bool attached = false;  ///< a connection waits for it (/predict): not taken up after a crash
  bool upload = true;     ///< the upload is still on disk
  int64_t attempts = 0;   ///< times that it was begun
  State state = State::queued;
  std::string stage;  ///< the last that began

  Time received = 0;
  std::optional<Time> started, finished;

  std::string study_uid, series_uid;
  std::string bundle, precision, version;  ///< what answered: hash of the models, of the program
  std::string seconds = "{}";              ///< by stage, JSON; monotonic
  std::string answer;                      ///< JSON, as it was given; empty until there is one
  std::string error_code, error;           ///< of a study that failed
};

/// Who asks: sees the studies of one owner, or everyone's.
struct Viewer {
  std::string owner;
  bool admin = false;
  std::string client = {};  ///< address, for the audit
};

/// Which studies to list, newest first.
struct Filter {
  Viewer viewer;
  std::optional<State> state;
  std::optional<Time> from, to;  ///< received at or after, before
  std::string after;             ///< id of the last one of the page before; empty for the first
  int64_t limit = 50;
};

/// How long what is kept is kept, once a study has ended.
struct Retention {
  std::chrono::hours uploads{0};  ///< 0: gone when it is answered
  std::chrono::hours results{24 * 30};
  std::chrono::hours audit{24 * 365};
};

/// What a client wants of a study besides its answer.
struct Wish {
  std::string key;     ///< SHA-256 of its Idempotency-Key; empty for none
  bool fresh = false;  ///< not an answer from the history
};

/// Something that happened to a study.
struct Event {
  int64_t number = 0;
  Time time = 0;
  std::string event;  ///< accepted, reused, started, done, failed, cancelled, read, recovered,
                      ///< discarded, expired; refused: a key, and no study
  std::string study, owner, client, detail;
};

}  // namespace ctclip::history
