#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pipeline/analyser.h"
#include "server/language.h"

namespace ctclip {

/// The guide's warning; it goes with every probability: in this header of an answer, whose fields
/// are fixed, and in full on the page.
constexpr std::string_view kWarningHeader = "X-CTCLIP-Warning";
constexpr std::string_view kWarning =
    "For diagnostic support only. Every result must be checked by a qualified radiologist. "
    "Not for making a diagnosis on its own.";

/// An answer, before it is HTTP.
struct Reply {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// UTF-8 whatever is in it: what is not becomes U+FFFD.
Reply json_reply(int status, const nlohmann::ordered_json& json);

/// Who asks: what its answers carry and are worded in.
struct Asker {
  std::string request_id;
  Language language = Language::english;
};

/// Any failure (service.md "Answer"), with Retry-After where trying again makes sense.
Reply failure_reply(const Error& error, double seconds, std::chrono::seconds retry_after,
                    const Asker& asker);

/// What the analyser said of a study, for who asks: see `study_reply`. Its warnings, if there are
/// any, are its last field.
nlohmann::ordered_json answer_for(Analysis analysis, const Asker& asker);
/// Says the warnings in a header.
void add_notice(Reply& reply, const std::vector<std::string>& warnings);
/// What the analyser said of a study. The details of a success and a failure name the request; the
/// seven fields stay seven, so the warnings are in a header.
Reply study_reply(Analysis analysis, const Asker& asker);

}  // namespace ctclip
