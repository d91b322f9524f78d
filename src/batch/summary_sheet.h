#pragma once

#include "batch/summary.h"
#include "batch/workbook.h"

namespace ctclip::batch {

/// The second sheet: the warning in both languages, counts, the guide's bands with a chart, and why
/// studies failed.
void write_summary_sheet(const Workbook& book, const Summary& summary);

}  // namespace ctclip::batch
