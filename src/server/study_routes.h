#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "history/store.h"
#include "server/event_stream.h"
#include "server/parameters.h"
#include "server/reply.h"
#include "server/studies.h"
#include "server/study_view.h"

namespace ctclip {

// The answers of /v1/studies that need no upload. They wait for the disk.

/// The id in "/v1/studies/{id}" and what is below it; empty in any other path.
std::string study_id_of(std::string_view path);

/// SHA-256 of an Idempotency-Key: what a client puts there is its own affair. Empty for none.
/// Throws Error{bad_parameter} for one of more than 255 bytes.
std::string stored_key(std::string_view key);

/// Any request but a POST: the list, a study, its cancelling, or, in `events`, what follows the
/// answer until the connection ends. Throws Error{bad_parameter, not_found, history_unavailable}.
Reply answer_study(history::Store& store, Studies& studies, const Reader& reader,
                   std::string_view method, const Target& target,
                   std::optional<EventStream>& events);
/// 202 and where to ask for one that was accepted, 200 for one that has ended.
Reply accepted_study(const Studies& studies, const Reader& reader, const std::string& id);

}  // namespace ctclip
