#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "testing.h"

namespace ctclip {
namespace {

using testing::golden;
using ::testing::HasSubstr;

/// Python writes an infinity that JSON does not know.
nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::size_t infinity = text.find("-Infinity");
  if (infinity != std::string::npos) text.replace(infinity, 9, "null");
  return nlohmann::json::parse(text);
}

/// Equal bit by bit, as conversions of stored values are exact.
void expect_same(const Tensor& found, const Tensor& expected, const std::string& name) {
  ASSERT_EQ(found.shape(), expected.shape()) << name;
  for (int64_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found.data()[i], expected.data()[i]) << name << " at " << i;
  }
}

class MixedCheckpoint : public ::testing::TestWithParam<const char*> {};

TEST_P(MixedCheckpoint, EveryTypeAndViewIsRead) {
  const auto checkpoint = Checkpoint::open(golden("pt_format") / GetParam());
  const nlohmann::json expected = read_json(golden("pt_format/expected.json"));
  EXPECT_EQ(checkpoint->names().size(), expected.size());
  for (const auto& [name, tensor] : expected.items()) {
    EXPECT_EQ(checkpoint->entry(name).dtype, tensor["dtype"]) << name;
    EXPECT_EQ(checkpoint->entry(name).shape, tensor["shape"].get<Shape>()) << name;
    expect_same(checkpoint->read(name), read_npy(golden("pt_format/" + name + ".npy")).tensor(),
                name);
  }
}

INSTANTIATE_TEST_SUITE_P(Containers, MixedCheckpoint,
                         ::testing::Values("mixed_zip.pt", "mixed_zip_new_records.pt",
                                           "mixed_legacy.pt"));

TEST(TorchCheckpoint, LocationOfAGpuIsIgnored) {
  for (const char* name : {"cuda_location_zip.pt", "cuda_location_legacy.pt"}) {
    const auto checkpoint = Checkpoint::open(golden("pt_format") / name);
    const Tensor weight = checkpoint->read("weight");
    EXPECT_EQ(weight.shape(), (Shape{2, 3})) << name;
    EXPECT_THAT(weight.values(), ::testing::ElementsAre(0, 1, 2, 3, 4, 5)) << name;
    EXPECT_THAT(checkpoint->read("bias").values(), ::testing::ElementsAre(1, 2)) << name;
  }
}

TEST(TorchCheckpoint, ContainersAndWrappingGiveTheSameTensors) {
  const auto plain = Checkpoint::open(golden("ctclip_tiny/ctclip_tiny.pt"));
  const auto legacy = Checkpoint::open(golden("ctclip_tiny/ctclip_tiny_legacy.pt"));
  const auto wrapped = Checkpoint::open(golden("ctclip_tiny/ctclip_tiny_wrapped.pt"));
  ASSERT_EQ(plain->names(), legacy->names());
  ASSERT_EQ(plain->names(), wrapped->names());
  for (const std::string& name : plain->names()) {
    const Tensor tensor = plain->read(name);
    expect_same(legacy->read(name), tensor, name);
    expect_same(wrapped->read(name), tensor, name);
  }
}

TEST(TorchCheckpoint, NamesShapesAndOrderAreThoseOfTheStateDict) {
  for (const std::string folder : {"ctclip_tiny", "supervised_tiny"}) {
    const auto checkpoint = Checkpoint::open(golden(folder) / (folder + ".pt"));
    const nlohmann::json keys = read_json(golden(folder) / "state_dict_keys.json");
    ASSERT_EQ(checkpoint->names().size(), keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::string& name = checkpoint->names()[i];
      EXPECT_EQ(name, keys[i][0]);
      EXPECT_EQ(checkpoint->entry(name).shape, keys[i][1].get<Shape>()) << name;
      EXPECT_EQ(checkpoint->entry(name).dtype, keys[i][2]) << name;
    }
  }
}

TEST(TorchCheckpoint, ListOfStringsBesideTheStateDict) {
  const auto checkpoint = Checkpoint::open(golden("supervised_tiny/supervised_tiny.pt"));
  const nlohmann::json expected = read_json(golden("supervised_tiny/target_pathologies.json"));
  EXPECT_EQ(checkpoint->strings("target_pathologies"),
            expected["target_pathologies"].get<std::vector<std::string>>());
  EXPECT_TRUE(checkpoint->strings("no such key").empty());
}

}  // namespace
}  // namespace ctclip
