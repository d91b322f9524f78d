#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <string_view>

#include "batch/summary.h"
#include "batch/table.h"

namespace ctclip::batch {

/// The columns of a result: those that the deployed client writes, in its order, then ours.
inline constexpr std::array<std::string_view, 11> kColumns = {"path_to_study",
                                                              "study_uid",
                                                              "series_uid",
                                                              "probability_of_pathology",
                                                              "pathology",
                                                              "processing_status",
                                                              "time_of_processing",
                                                              "most_dangerous_pathology_type",
                                                              "error",
                                                              "error_code",
                                                              "warnings"};
/// A cell of the column `warnings`: sentences, " | " between them.
std::string warnings_cell(const Row& row);

enum class OutputFormat { xlsx, csv, jsonl };
/// By the name's ending. Throws Error{usage} for another.
OutputFormat output_format(const std::filesystem::path& output);

/// Writes the result; `details` adds a column for each of `summary.probabilities` and
/// `summary.features`, empty if a row lacks it. A failed row has its reason and empty cells. The
/// file is there whole or not at all. Throws Error{internal} where it cannot be written,
/// Error{usage} for more rows than a sheet can hold.
void write_output(const std::filesystem::path& output, const Table& table, const Summary& summary,
                  bool details);

/// Has `write` make a file of another name, which then takes the place of `output`: that is there
/// whole or not at all. Throws Error{internal} where the disk refuses.
void write_whole(const std::filesystem::path& output,
                 const std::function<void(const std::filesystem::path&)>& write);
[[noreturn]] void cannot_write(const std::filesystem::path& file);

/// A field of CSV as it is to be written: quoted where it has to be, and with an apostrophe before
/// what a spreadsheet would run as a formula (OWASP, CSV injection).
std::string guarded_csv_field(std::string_view text);

// The formats, each into a file of this name. They throw as `write_output` does.
void write_csv(const std::filesystem::path& file, const Table& table, const Summary& summary,
               bool details);
void write_jsonl(const std::filesystem::path& file, const Table& table, const Summary& summary,
                 bool details);
void write_xlsx(const std::filesystem::path& file, const Table& table, const Summary& summary,
                bool details);

}  // namespace ctclip::batch
