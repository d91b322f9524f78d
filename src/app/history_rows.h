#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "history/store.h"

namespace ctclip::app {

// A history as `ctclip history` shows it.

/// One line for a terminal.
std::string line_of(const history::Study& study);
/// Everything, with the answer.
nlohmann::ordered_json json_of(const history::Study& study);

/// Writes the studies of a filter, newest first, or all events, oldest first. Returns how many.
/// Throws as batch::write_table does.
int64_t write_studies(const std::filesystem::path& output, const history::Store& store,
                      history::Filter filter);
int64_t write_audit(const std::filesystem::path& output, const history::Store& store);

}  // namespace ctclip::app
