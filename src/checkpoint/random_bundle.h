#pragma once

#include <cstdint>
#include <filesystem>

#include "checkpoint/layouts.h"

namespace ctclip {

class ThreadPool;

inline constexpr const char* kCtClipFile = "CT_VocabFine_v2.pt";
inline constexpr const char* kSupervisedFile = "supervised_model.pt";
inline constexpr const char* kVocabularyFile = "vocab.txt";
inline constexpr const char* kSliceClassifierFile = "ct_classifier.pt";
inline constexpr const char* kDenoiserFile = "diffusion_checkpoint.pt";

/// The clinical model's sizes, or those of the golden ctclip_tiny.
CtClipShape random_bundle_shape(bool full_size);

/// Writes CT_VocabFine_v2.pt, supervised_model.pt (1.77 GB each where `full_size`, else a few MB of
/// the same structure), ct_classifier.pt, diffusion_checkpoint.pt (0.93 GB) and vocab.txt into a
/// folder that is made where it is missing. The weights
/// are random and mean nothing; they are scaled so that activations keep a sane size: norms about
/// 1, linear weights with a deviation of 1 / sqrt(inputs), codebook rows of length 1. The same seed
/// gives the same bytes with any number of threads. Throws Error{internal} where the disk refuses.
void write_random_bundle(const std::filesystem::path& folder, bool full_size, uint64_t seed,
                         ThreadPool& pool);

}  // namespace ctclip
