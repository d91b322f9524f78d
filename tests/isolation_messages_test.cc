#include "isolation/messages.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <random>

#include "isolation/conversation.h"

namespace ctclip::isolation {
namespace {

/// Facts with something in every member, bytes that are no UTF-8 and numbers that are none.
StudyFacts full_facts() {
  Series series;
  series.series_uid = "1.2.3";
  series.kernel = std::string("B\xFF\0x", 4);
  series.kernel_class = KernelClass::standard;
  series.slices = {3, 1, 2};
  series.refusal = Code::gantry_tilt;
  series.warnings = {"", "two"};
  Geometry geometry;
  geometry.order = {1, 0};
  geometry.spacing = {0.1, -0.0, std::numeric_limits<double>::infinity()};
  geometry.positions = {std::nextafter(1.0, 2.0)};
  geometry.transposed = true;
  StudyFacts facts;
  facts.study_uid = "1.2";
  facts.format = "zip";
  facts.contents.hidden = 7;
  facts.contents.warnings = {"one"};
  facts.choice = {{series, {}}, 1, Error(Code::not_ct, "MR."), {"other"}};
  facts.geometry = geometry;
  facts.shape = {2, 64, 65};
  facts.lungs = Lungs{4.5, 250, true, "none"};
  return facts;
}

TEST(Messages, FactsComeBackBitForBit) {
  const StudyFacts facts = full_facts();
  const auto back = unpack<StudyFacts>(pack(facts));
  EXPECT_EQ(pack(back), pack(facts));
  EXPECT_EQ(back.choice.series.at(0).kernel, facts.choice.series.at(0).kernel);
  EXPECT_EQ(back.choice.series.at(0).refusal, Code::gantry_tilt);
  EXPECT_EQ(back.choice.chosen, 1u);
  ASSERT_TRUE(back.choice.refusal);
  EXPECT_STREQ(back.choice.refusal->what(), "MR.");
  ASSERT_TRUE(back.geometry);
  EXPECT_EQ(back.geometry->positions, facts.geometry->positions);
  EXPECT_EQ(back.lungs->litres, 4.5);
  EXPECT_EQ(back.contents.hidden, 7);
}

TEST(Messages, KeepNoUidThatIsNone) {
  StudyFacts facts = full_facts();
  facts.series_uid = facts.choice.series.at(0).study_uid = "SECRET^NAME";
  const StudyFacts kept = with_uids_only(facts);
  EXPECT_EQ(kept.study_uid, "1.2");
  EXPECT_EQ(kept.series_uid, "");
  EXPECT_EQ(kept.choice.series.at(0).study_uid, "");
  EXPECT_EQ(kept.choice.series.at(0).series_uid, "1.2.3");
}

TEST(Messages, ARequestCarriesEveryLimit) {
  Request request;
  request.parent = 42;
  request.name = "study.zip";
  request.options.series_uid = "1.2.3";
  request.options.any_anatomy = true;
  request.options.limits.max_voxels = 12345;
  request.options.limits.min_slices = 3;
  request.memory = 1 << 30;
  const auto back = unpack<Request>(pack(request));
  EXPECT_EQ(pack(back), pack(request));
  EXPECT_EQ(back.options.limits.max_voxels, 12345);
  EXPECT_EQ(back.options.limits.min_slices, 3);
  EXPECT_TRUE(back.options.any_anatomy);
}

TEST(Messages, EveryTruncationAndEveryExtensionIsRefused) {
  const std::string whole = pack(full_facts());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(unpack<StudyFacts>(whole.substr(0, size)), Malformed) << size;
  }
  EXPECT_THROW(unpack<StudyFacts>(whole + '\0'), Malformed);
}

TEST(Messages, ALengthBeyondTheEndTakesNoMemory) {
  Packer archive;
  archive(std::numeric_limits<uint64_t>::max());
  EXPECT_THROW(unpack<Unexpected>(archive.bytes()), Malformed);
  EXPECT_THROW(unpack<Ready>(archive.bytes() + "text"), Malformed);
}

TEST(Messages, EnumeratorsAndFlagsAreHeldAgainstTheirRange) {
  Refusal refusal;
  std::string bytes = pack(refusal);
  bytes[0] = '\x7F';  // the code's lowest byte
  EXPECT_THROW(unpack<Refusal>(bytes), Malformed);
  bytes[3] = '\xFF';  // negative
  EXPECT_THROW(unpack<Refusal>(bytes), Malformed);
  Packer flag;
  flag(pid_t{1}, uint8_t{2});
  EXPECT_THROW(unpack<Request>(flag.bytes()), Malformed);
}

TEST(Messages, AnyDamageIsEitherReadOrRefused) {
  const std::string whole = pack(full_facts());
  std::mt19937 random(1);
  int refused = 0;
  constexpr int kTries = 20'000;
  for (int i = 0; i < kTries; ++i) {
    std::string damaged = whole;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    try {
      pack(unpack<StudyFacts>(damaged));
    } catch (const Malformed&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, kTries);
}

}  // namespace
}  // namespace ctclip::isolation
