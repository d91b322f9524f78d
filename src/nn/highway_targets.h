#pragma once

// Before Highway's headers in every file of kernels. Four targets are enough: what lies between
// them gains nothing here and each costs a compilation.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
