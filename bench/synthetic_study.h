#pragma once

#include <cstdint>
#include <filesystem>

namespace ctclip::bench {

/// Writes a ZIP (deflated) of a CT series of `slices` x 512 x 512, explicit little endian, 1 mm
/// apart: an elliptic trunk with two lungs and noise, enough to be taken for a chest by the lungs
/// check and to compress like one.
void write_synthetic_study(const std::filesystem::path& zip, int32_t slices);

}  // namespace ctclip::bench
