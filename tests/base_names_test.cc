#include "base/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ctclip {
namespace {

const std::vector<std::string> kNames = {"pleural_effusion", "pneumothorax", "nodule",
                                         "jpeg-lossless"};

TEST(Names, CaseAndGapsMakeNoDifference) {
  for (const char* typed :
       {"pleural_effusion", "pleural-effusion", "Pleural effusion", " PLEURAL  EFFUSION "}) {
    EXPECT_EQ(find_name(typed, kNames), "pleural_effusion") << typed;
  }
  EXPECT_EQ(find_name("JPEG_lossless", kNames), "jpeg-lossless") << "as the list spells it";
  EXPECT_EQ(find_name("pleuraleffusion", kNames), std::nullopt);
}

TEST(Names, SuggestsWhatIsFewLettersAway) {
  EXPECT_EQ(closest_name("pnemothorax", kNames), "pneumothorax");
  EXPECT_EQ(closest_name("nodlue", kNames), "nodule") << "a swap";
  EXPECT_EQ(closest_name("pleural efusion", kNames), "pleural_effusion");
  EXPECT_EQ(did_you_mean("Nodul", kNames), "; did you mean nodule?");
}

TEST(Names, SuggestsNothingForOtherWords) {
  EXPECT_EQ(did_you_mean("fracture", kNames), "");
  EXPECT_EQ(did_you_mean("", kNames), "");
  EXPECT_EQ(did_you_mean("x", std::vector<std::string>{"y"}), "") << "one letter of one";
}

}  // namespace
}  // namespace ctclip
