#pragma once

namespace ctclip::bench {

/// The two networks of the anomaly detector at the clinical size, with random weights, against the
/// peak of the same run: the classifier over a study's 216 slices, one evaluation of the denoiser
/// and of the guidance on each thread, memory, the projected time of a reconstruction, and each
/// shape of convolution by each method. Prints Markdown tables.
void bench_diffusion(int threads);

}  // namespace ctclip::bench
