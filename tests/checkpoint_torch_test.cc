#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "pickles.h"
#include "testing.h"

namespace ctclip {
namespace {

using testing::golden;
using testing::pickled_text;
using namespace std::string_literals;
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
    expect_same(checkpoint->read(name), read_npy(golden("pt_format/"s + name + ".npy")).tensor(),
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

TEST(TorchCheckpoint, TrainingLeftoversAreSkipped) {
  const auto checkpoint =
      Checkpoint::open(golden("supervised_tiny/supervised_tiny_extra_entries.pt"));
  const auto whole = Checkpoint::open(golden("supervised_tiny/supervised_tiny.pt"));
  EXPECT_THAT(checkpoint->names(),
              ::testing::ElementsAre("pre_head_norm.weight", "pre_head_norm.bias",
                                     "classifier.1.weight", "classifier.1.bias"));
  for (const std::string& name : checkpoint->names()) {
    expect_same(checkpoint->read(name), whole->read(name), name);
  }
  EXPECT_EQ(checkpoint->strings("target_pathologies"), whole->strings("target_pathologies"));
}

TEST(TorchCheckpoint, ManyThreadsMayRead) {
  const auto checkpoint = Checkpoint::open(golden("ctclip_tiny/ctclip_tiny.pt"));
  const Tensor expected = checkpoint->read("to_visual_latent.weight");
  std::vector<Tensor> found(8);
  std::vector<std::thread> threads;
  threads.reserve(found.size());
  for (Tensor& tensor : found) {
    threads.emplace_back([&] { tensor = checkpoint->read("to_visual_latent.weight"); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Tensor& tensor : found) expect_same(tensor, expected, "to_visual_latent.weight");
}

TEST(Weights, ScopesShareWhatWasTaken) {
  const Weights all(Checkpoint::open(golden("pt_format/mixed_zip.pt")));
  EXPECT_EQ(all.shape("view_a"), (Shape{2, 3}));
  EXPECT_EQ(all.take("view_a", {2, -1}).size(), 6);
  const std::vector<Weights> copies(2, all);
  copies.back().take("scalar", {});
  EXPECT_THAT(all.untaken(), ::testing::Not(::testing::Contains("view_a")));
  EXPECT_THAT(all.untaken(), ::testing::Not(::testing::Contains("scalar")));
  EXPECT_EQ(all.untaken().size(), 13U);
  const Weights clip(Checkpoint::open(golden("ctclip_tiny/ctclip_tiny.pt")));
  const Weights codebook = clip.scope("visual_transformer").scope("vq._codebook");
  EXPECT_TRUE(codebook.contains("embed"));
  EXPECT_THAT(codebook.untaken(), ::testing::ElementsAre("initted", "cluster_size", "embed"));
  EXPECT_EQ(codebook.full_name("embed"), "visual_transformer.vq._codebook.embed");
}

/// The message of the Error{bad_model} that `act` throws.
template <typename Act>
std::string refusal(Act act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::bad_model);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Weights, WrongShapesAndMissingTensorsAreNamed) {
  const auto path = golden("pt_format/mixed_zip.pt");
  const Weights all(Checkpoint::open(path));
  const std::string shapes = refusal([&] { all.take("view_a", {3, 2}); });
  EXPECT_THAT(shapes, HasSubstr(path.string()));
  EXPECT_THAT(shapes, HasSubstr("tensor 'view_a' has the shape [2, 3], expected [3, 2]"));
  EXPECT_THAT(refusal([&] { all.scope("net").take("bias", {1}); }),
              HasSubstr("tensor 'net.bias' is missing"));
}

class Hostile : public ::testing::Test {
 protected:
  std::string open(const std::string& bytes) {
    testing::write_bytes(path_, bytes);
    return refusal([&] { opened_ = Checkpoint::open(path_); });
  }
  /// data.pkl and one record "0" of 16 bytes.
  std::string open_zip(const std::string& pickle, std::vector<testing::ZipEntry> more = {}) {
    std::vector<testing::ZipEntry> entries = {{"a/data.pkl", pickle},
                                              {"a/data/0", std::string(16, '\1')}};
    entries.insert(entries.end(), more.begin(), more.end());
    return open(testing::zip_file(entries));
  }
  /// A dict of one float32 tensor "w" of storage "0" with so many elements.
  static std::string dict(int elements, const std::string& first, const std::string& shape,
                          const std::string& stride, const std::string& name = "w") {
    return "\x80\x02}"s + pickled_text(name) + "ctorch._utils\n_rebuild_tensor_v2\n(("s +
           pickled_text("storage") + "ctorch\nFloatStorage\n"s + pickled_text("0") +
           pickled_text("cpu") + "K"s + static_cast<char>(elements) + "tQ"s + first + shape +
           stride + "\x89}tRs.";
  }

  testing::TempDir folder_;
  std::filesystem::path path_ = folder_.path() / "model.pt";
  std::shared_ptr<const Checkpoint> opened_;
};

TEST_F(Hostile, ViewsOutsideOfTheirStorage) {
  const std::string zero = "K\0"s;
  EXPECT_EQ(open_zip(dict(4, zero, "K\x04\x85", "K\x01\x85")), "nothing was thrown");
  EXPECT_EQ(opened_->read("w").size(), 4);
  EXPECT_THAT(open_zip(dict(4, "K\x01", "K\x04\x85", "K\x01\x85")), HasSubstr("reaches beyond"));
  EXPECT_THAT(open_zip(dict(4, zero, "K\x03\x85", "K\x02\x85")), HasSubstr("reaches beyond"));
  EXPECT_THAT(open_zip(dict(5, zero, "K\x04\x85", "K\x01\x85")), HasSubstr("has 16 bytes"));
  const std::string huge = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"s;
  const std::string negative = "J\xff\xff\xff\xff";
  EXPECT_THAT(open_zip(dict(4, negative, "K\x02\x85", "K\x01\x85")), HasSubstr("impossible"));
  EXPECT_THAT(open_zip(dict(4, "K\x03", "K\x02\x85", negative + "\x85")), HasSubstr("impossible"));
  EXPECT_THAT(open_zip(dict(4, zero, negative + "\x85", "K\x01\x85")), HasSubstr("impossible"));
  EXPECT_THAT(open_zip(dict(4, zero, huge + huge + "\x86", zero + zero + "\x86")),
              HasSubstr("impossible"));
  EXPECT_THAT(open_zip(dict(4, huge, "K\x02\x85", huge + "\x85")), HasSubstr("reaches beyond"));
  EXPECT_THAT(open_zip(dict(4, zero, "K\x02\x85", "K\x01K\x01\x86")), HasSubstr("impossible"));
  EXPECT_THAT(open_zip(dict(4, zero, huge + "\x85", zero + "\x85")), HasSubstr("a storage of 4"));
  EXPECT_EQ(open_zip(dict(4, zero, "K\x01\x85", huge + "\x85")), "nothing was thrown");
  EXPECT_EQ(opened_->read("w").size(), 1) << "the stride of an axis of one does not matter";
  EXPECT_EQ(open_zip(dict(4, zero, zero + huge + "\x86", huge + huge + "\x86")),
            "nothing was thrown");
  EXPECT_TRUE(opened_->read("w").empty());
  EXPECT_EQ(open_zip(dict(4, zero, "K\x03\x85", zero + "\x85")), "nothing was thrown");
  EXPECT_EQ(opened_->read("w").size(), 3) << "an expanded view";
}

TEST_F(Hostile, DescriptionsOfAnyDepthOrLengthHarmNothing) {
  // torch.Size of torch.Size of ..: taking one off by a call each would overflow the stack.
  std::string deep = "ctorch\nSize\nq\x00"s + "K\x04\x85"s;
  for (int i = 0; i < 200'000; ++i) deep = std::move(deep) + "\x85q\x01h\x00h\x01R"s;
  EXPECT_THAT(open_zip(dict(4, "K\0"s, deep, "K\x01\x85")), HasSubstr("described wrongly"));
  const std::string long_shape = "("s + std::string(65, 'N') + "t";
  EXPECT_THAT(open_zip(dict(4, "K\0"s, long_shape, "K\x01\x85")), HasSubstr("described wrongly"));
  EXPECT_THAT(open_zip(dict(4, "K\0"s, "K\x04\x85", "K\x01\x85", std::string(2'000, 'w'))),
              HasSubstr("is too long"));
}

TEST_F(Hostile, ATextUsedAMillionTimesIsNoList) {
  std::string list = pickled_text(std::string(10'000, 'x')) + "q\5"s + "0"s +
                     pickled_text("target_pathologies") + "]("s;
  for (int i = 0; i < 10'000; ++i) list += "h\5"s;
  std::string pickle = dict(4, "K\0"s, "K\x04\x85", "K\x01\x85");
  pickle.pop_back();  // STOP
  EXPECT_EQ(open_zip(pickle + list + "es."), "nothing was thrown");
  EXPECT_THAT(refusal([&] { opened_->strings("target_pathologies"); }),
              HasSubstr("list of strings"));
}

TEST_F(Hostile, NewerWaysToRebuildATensor) {
  const std::string storage = "("s + pickled_text("storage") + "ctorch.storage\nUntypedStorage\n" +
                              pickled_text("0") + pickled_text("cuda:1") + "K\x10tQ";
  const std::string view = storage + "K\1K\3\x85K\2\x85";  // every other element from the second
  // _rebuild_tensor_v3(storage, first, shape, stride, requires_grad, hooks, dtype)
  const std::string v3 = "ctorch._utils\n_rebuild_tensor_v3\n("s + view + "\x89}ctorch\nint16\ntR";
  EXPECT_EQ(open_zip("\x80\x02}"s + pickled_text("w") + v3 + "s."), "nothing was thrown");
  EXPECT_EQ(opened_->entry("w").dtype, "int16");
  EXPECT_THAT(opened_->read("w").values(), ::testing::ElementsAre(0x101, 0x101, 0x101));
  // _rebuild_from_type_v2(function, type, arguments, state) inside of a parameter
  const std::string subclass =
      "ctorch._tensor\n_rebuild_from_type_v2\n("
      "ctorch._utils\n_rebuild_tensor_v3\nca\nB\n("s +
      view + "\x89}ctorch\nuint8\nt}tR";
  const std::string parameter =
      "ctorch._utils\n_rebuild_parameter_with_state\n("s + subclass + "\x88}}tR";
  EXPECT_EQ(open_zip("\x80\x02}"s + pickled_text("w") + parameter + "s."), "nothing was thrown");
  EXPECT_THAT(opened_->read("w").values(), ::testing::ElementsAre(1, 1, 1));
  // 16 bytes are two int64, of which the fourth is asked for.
  const std::string beyond =
      "ctorch._utils\n_rebuild_tensor_v3\n("s + view + "\x89}ctorch\nint64\ntR";
  EXPECT_THAT(open_zip("\x80\x02}"s + pickled_text("w") + beyond + "s."),
              HasSubstr("reaches beyond its storage of 2 elements"));
}

TEST_F(Hostile, PicklesThatWantToRunSomething) {
  const std::string call = "cos\nsystem\n("s + pickled_text("touch /tmp/x") + "tR";
  EXPECT_THAT(open_zip("\x80\x02"s + call + "."), HasSubstr("wants to run os.system"));
  EXPECT_THAT(open(testing::legacy_file("\x80\x02"s + call + ".")),
              HasSubstr("wants to run os.system"));
  EXPECT_THAT(open("\x80\x04\x8c\x08"
                   "builtins\x8c\x04"
                   "eval\x93\x8c\x01"
                   "1\x85R."),
              HasSubstr("wants to run builtins.eval"));
}

TEST_F(Hostile, OtherThingsThanAStateDict) {
  EXPECT_THAT(open(""), HasSubstr("is empty"));
  EXPECT_THAT(open("a text file, not a model\n"), HasSubstr("neither a PyTorch checkpoint nor"));
  EXPECT_THAT(open("\x80\x02K\x01."), HasSubstr("no PyTorch checkpoint"));
  EXPECT_THAT(open_zip("\x80\x02]."), HasSubstr("expected a state dict, found a list"));
  EXPECT_THAT(open_zip("\x80\x02"
                       "cmodel\nNet\n)\x81."),
              HasSubstr("an object (model.Net)"));
  EXPECT_THAT(open_zip("\x80\x02}."), HasSubstr("no tensors"));
  EXPECT_THAT(open_zip("\x80\x02}"s + pickled_text("state_dict") + "Ns."),
              HasSubstr("'state_dict' is expected to be a dict"));
  const std::string fine = dict(4, "K\0"s, "K\x04\x85", "K\x01\x85");
  EXPECT_THAT(open_zip(fine, {{"a/byteorder", "big"}}), HasSubstr("byte order 'big'"));
  EXPECT_THAT(open_zip(fine, {{"b/data.pkl", fine}}), HasSubstr("two checkpoints"));
  EXPECT_THAT(open_zip(fine, {{"a/data/0", "x"}}), HasSubstr("'a/data/0' twice"));
  EXPECT_THAT(open_zip(fine, {{"a/constants.pkl", "x"}}), HasSubstr("TorchScript"));
  EXPECT_THAT(open(testing::zip_file({{"x.txt", "hello"}})), HasSubstr("data.pkl' is missing"));
  EXPECT_THAT(open(testing::zip_file({{"a/data.pkl", fine}})), HasSubstr("'a/data/0' is missing"));
  EXPECT_THAT(open(testing::zip_file({{"a/data.pkl", fine, 8}})), HasSubstr("is compressed"));
  EXPECT_THAT(open(testing::zip_file({{"a/data.pkl", fine, 0, 1}})), HasSubstr("is encrypted"));
  EXPECT_THAT(open_zip(dict(4, "K\0"s, "K\x04\x85", "K\x01\x85", "a\nb")),
              HasSubstr("'a?b' is no plain text"));
  EXPECT_THAT(refusal([&] { Checkpoint::open(folder_.path()); }), HasSubstr("expected a file"));
  EXPECT_THAT(refusal([&] { Checkpoint::open(folder_.path() / "none.pt"); }),
              HasSubstr("none.pt: cannot be opened"));
}

class Damaged : public ::testing::TestWithParam<const char*> {};

TEST_P(Damaged, NeverEndsInAnythingButAnError) {
  const testing::TempDir folder;
  const auto copy = folder.path() / "model.pt";
  int refused = 0;
  testing::damage(testing::read_bytes(golden(GetParam())), copy, 300, [&](bool cut) {
    try {
      const auto checkpoint = Checkpoint::open(copy);
      for (const std::string& name : checkpoint->names()) {
        if (checkpoint->entry(name).dtype.starts_with("complex")) continue;
        checkpoint->read(name);
      }
      EXPECT_FALSE(cut) << "a file that was cut passed as whole";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_model) << error.what();
      ++refused;
    }
  });
  EXPECT_GT(refused, 300);
}

INSTANTIATE_TEST_SUITE_P(Files, Damaged,
                         ::testing::Values("pt_format/mixed_zip.pt", "pt_format/mixed_legacy.pt",
                                           "pt_format/cuda_location_zip.pt",
                                           "supervised_tiny/supervised_tiny_extra_entries.pt"));

}  // namespace
}  // namespace ctclip
