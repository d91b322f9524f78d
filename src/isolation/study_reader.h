#pragma once

namespace ctclip::isolation {

/// What a process does that was started as a reader (child_process.h): takes its one request, makes
/// everything ready that needs files, closes the sandbox, and only then looks at the study's bytes.
/// Ends with the answer; never returns to the rest of the program.
[[noreturn]] void read_one_study();

}  // namespace ctclip::isolation
