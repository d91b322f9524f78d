#pragma once

#include <filesystem>

#include "base/parallel.h"
#include "bench/worker.h"
#include "nn/precision.h"

namespace ctclip::bench {

/// GFLOP of the networks of the clinical size, two for each multiply-accumulate, by definition of
/// the products and convolutions whatever computes them (tests/golden/real_size_layouts/README.md).
/// The position bias of the encoder is left out: it does not depend on the study.
constexpr double kCodesGflop = 2 * 394.7;
constexpr double kEncoderGflop = kCodesGflop + 2 * 0.15;  // with the projection to the latent
constexpr double kSliceGflop = 2 * 4.80;                  // slice classifier, one slice of 256x256

/// What a network is measured with.
struct NetworkBench {
  std::filesystem::path models;  ///< bundle of the clinical size
  std::filesystem::path volume;  ///< prepared volume, .npy, as `ctclip export --tensor` writes
  nn::Precision precision = nn::Precision::f32;
};

/// CT-ViT of CT-CLIP, prepared volume -> codebook indices (its outcome).
Worker encoder_worker(const NetworkBench& bench, ThreadPool& pool);
/// Slice classifier over the classified planes, already cut; outcome: probabilities.
Worker slices_worker(const NetworkBench& bench, ThreadPool& pool);
/// One evaluation of the denoiser on each thread, and the projected seconds of a reconstruction.
Worker denoiser_worker(const NetworkBench& bench, ThreadPool& pool);

/// The planes that the slice classifier sees, (N, S, S), as .npy: the input of the peers.
void write_slices(const NetworkBench& bench, const std::filesystem::path& npy);

}  // namespace ctclip::bench
