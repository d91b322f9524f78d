#pragma once

#include <gtest/gtest.h>

#include "nn/kernels.h"

namespace ctclip::testing {

/// A test that runs under each instruction set that the kernels are compiled for.
class EachInstructionSet : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { nn::limit_instruction_set(GetParam()); }
  void TearDown() override { nn::limit_instruction_set("AVX3"); }
};

}  // namespace ctclip::testing

#define INSTANTIATE_INSTRUCTION_SETS(suite)        \
  INSTANTIATE_TEST_SUITE_P(InstructionSets, suite, \
                           ::testing::Values("EMU128", "SSE4", "AVX2", "AVX3"))
