#include "base/uid.h"

#include <gtest/gtest.h>

namespace ctclip {
namespace {

TEST(Uid, IsDigitsAndDotsOfAtMost64Characters) {
  EXPECT_EQ(uid_of("1.2.840.10008"), "1.2.840.10008");
  EXPECT_EQ(uid_of(std::string(64, '1')), std::string(64, '1'));
  EXPECT_EQ(uid_of(std::string(65, '1')), "");
  EXPECT_EQ(uid_of(""), "");
  for (const char* name : {"SECRET^NAME", "1.2.x", "1.2-3", "1.2 3", "1.2\n", "1,2", "1.2\\1.3"}) {
    EXPECT_EQ(uid_of(name), "") << name;
  }
}

TEST(Uid, HasNoEmptyComponent) {
  for (const char* text : {".", ".1", "1.", "1..2"}) EXPECT_EQ(uid_of(text), "") << text;
}

TEST(Uid, LosesItsPadding) {
  EXPECT_EQ(uid_of(std::string_view("1.2\0", 4)), "1.2");
  EXPECT_EQ(uid_of(" 1.2 "), "1.2");
  EXPECT_EQ(uid_of(std::string_view("1.2\0001", 5)), "");
}

TEST(Uid, MayHaveLeadingZeros) { EXPECT_EQ(uid_of("1.02.003"), "1.02.003"); }

}  // namespace
}  // namespace ctclip
