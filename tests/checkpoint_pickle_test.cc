#include "checkpoint/pickle.h"

#include <gmock/gmock.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "pickles.h"
#include "testing.h"

namespace ctclip::pickle {
namespace {

using ctclip::testing::little_endian_bytes;
using ctclip::testing::pickled_text;
using ::testing::HasSubstr;
using namespace std::string_literals;

class Pickle : public ::testing::Test {
 protected:
  Ref read(const std::string& bytes, const Policy& policy = {}) {
    bytes_ = bytes;
    ByteInput input("file.pkl", std::as_bytes(std::span(bytes_)));
    return load(doc_, input, policy);
  }
  const Value& value(const std::string& bytes) { return doc_[read(bytes)]; }
  std::string refusal(const std::string& bytes, const Policy& policy = {}) {
    try {
      read(bytes, policy);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_model);
      return error.what();
    }
    return "was read";
  }

  std::string bytes_;
  Document doc_;
};

TEST_F(Pickle, NumbersOfEveryOpcode) {
  EXPECT_EQ(value("N.").kind, Kind::none);
  EXPECT_EQ(value("\x88.").integer, 1);
  EXPECT_EQ(value("I01\n.").kind, Kind::boolean);
  EXPECT_EQ(value("I-42\n.").integer, -42);
  EXPECT_EQ(value("L123456789012L\n.").integer, 123456789012);
  EXPECT_EQ(value("J\xfe\xff\xff\xff.").integer, -2);
  EXPECT_EQ(value("K\xfe.").integer, 254);
  EXPECT_EQ(value("M\x01\x02.").integer, 513);
  EXPECT_EQ(value("\x8a\x00."s).integer, 0);
  EXPECT_EQ(value("\x8a\x01\xff.").integer, -1);
  EXPECT_EQ(value("\x8a\x03\x00\x00\x80."s).integer, -8388608);
  EXPECT_EQ(value("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00."s).kind, Kind::big_integer);
  EXPECT_EQ(value("\x8b\x02\x00\x00\x00\x00\x01."s).integer, 256);
  EXPECT_EQ(value("G\x3f\xf8\x00\x00\x00\x00\x00\x00."s).real, 1.5);
  EXPECT_EQ(value("F-0.25\n.").real, -0.25);
}

TEST_F(Pickle, TextAndBytes) {
  EXPECT_EQ(value("\x8c\x02hi.").text, "hi");
  EXPECT_EQ(value("U\x02hi.").text, "hi");
  EXPECT_EQ(value(pickled_text("lung") + ".").text, "lung");
  EXPECT_EQ(value("\x8d"s + little_endian_bytes(4, 8) + "lung.").text, "lung");
  EXPECT_EQ(value("S'lung'\n.").text, "lung");
  EXPECT_EQ(value("Vlung\n.").text, "lung");
  EXPECT_EQ(value("C\x02hi.").kind, Kind::bytes);
  EXPECT_EQ(value("\x96"s + little_endian_bytes(2, 8) + "hi.").text, "hi");
}

TEST_F(Pickle, ContainersAndMemo) {
  const Ref list = read(
      "](K\x01K\x02"
      "e.");
  ASSERT_EQ(doc_[list].items.size(), 2U);
  EXPECT_EQ(doc_[doc_[list].items[1]].integer, 2);
  const Ref shared = read("]q\x05h\x05h\x05\x87.");
  ASSERT_EQ(doc_[shared].items.size(), 3U);
  EXPECT_EQ(doc_[shared].items[0], doc_[shared].items[2]);
  const Ref dict = read("}("s + pickled_text("a") + "K\x01"s + pickled_text("a") + "K\x02u.");
  EXPECT_EQ(doc_[doc_.find(dict, "a").value()].integer, 2) << "as in Python, the last one counts";
  EXPECT_FALSE(doc_.find(dict, "b"));
  const Ref cycle = read(
      "]\x94h\x00"
      "a."s);
  EXPECT_EQ(doc_[cycle].items[0], cycle);
}

TEST_F(Pickle, CallsAreOnlyDescribed) {
  const Ref object = read("cargparse\nNamespace\n)\x81}X\x02\0\0\0lrK\x01sb."s);
  EXPECT_EQ(doc_[object].kind, Kind::object);
  EXPECT_EQ(doc_.made_by(object), "argparse.Namespace");
  EXPECT_TRUE(doc_.find(doc_[object].state, "lr"));
  EXPECT_EQ(doc_.made_by(read("\x8c\x07pathlib\x8c\x09PosixPath\x93(X\x01\0\0\0.tR."s)),
            "pathlib.PosixPath");
  EXPECT_EQ(doc_.made_by(read("(iargparse\nNamespace\n.")), "argparse.Namespace");
  EXPECT_EQ(doc_.made_by(read("(cargparse\nNamespace\nK\x01o.")), "argparse.Namespace");
  // What an unknown call gives may be called, filled and built in turn.
  EXPECT_EQ(value("ca\nb\n)R)R(](K\x01"
                  "ee.")
                .kind,
            Kind::object);
  EXPECT_EQ(value("ccollections\nOrderedDict\n)R.").kind, Kind::dict);
  const Ref old = read("ccollections\nOrderedDict\n(](]"s + pickled_text("k") +
                       "aK\x07"
                       "aetR.");
  EXPECT_EQ(doc_[doc_.find(old, "k").value()].integer, 7);
}

TEST_F(Pickle, WhatWantsToRunSomethingIsRefusedByName) {
  for (const std::string name :
       {"os\nsystem", "posix\nsystem", "nt\nsystem", "subprocess\nPopen", "builtins\neval",
        "builtins\nexec", "__builtin__\neval", "builtins\n__import__", "builtins\ngetattr",
        "sys\nexit", "runpy\nrun_path", "importlib\nimport_module", "os.path\njoin",
        "torch.serialization\nos.system", "builtins\neval.__call__",
        "numpy.testing._private.utils\nrunstring", "torch.hub\nload", "operator\nmethodcaller"}) {
    std::string shown = name;
    std::replace(shown.begin(), shown.end(), '\n', '.');
    EXPECT_THAT(refusal("c"s + name + "\n("s + pickled_text("id") + "tR."),
                HasSubstr("wants to run "s + shown));
    // Also where it is only handed on, for something else to call.
    EXPECT_THAT(refusal("cfunctools\npartial\n(c"s + name + "\ntR."), HasSubstr(shown));
  }
  EXPECT_THAT(refusal("\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."),
              HasSubstr("wants to run os.system"));
  EXPECT_THAT(refusal("(ios\nsystem\n."), HasSubstr("wants to run os.system"));
}

TEST_F(Pickle, AllowListIsAskedForEachCall) {
  Policy policy;
  policy.may_call = [](std::string_view name) { return name == "a.good"; };
  EXPECT_EQ(refusal("ca\ngood\n)R.", policy), "was read");
  EXPECT_EQ(refusal("ca\nbad\n.", policy), "was read") << "a name alone does nothing";
  EXPECT_THAT(refusal("ca\nbad\n)R.", policy), HasSubstr("a.bad"));
  EXPECT_THAT(refusal("ca\nbad\n)\x81.", policy), HasSubstr("a.bad"));
  EXPECT_THAT(refusal("ca\ngood\n)R)R.", policy), HasSubstr("calls an object"));
}

TEST_F(Pickle, DamageIsNamed) {
  EXPECT_THAT(refusal(""), HasSubstr("expected 1 more bytes"));
  EXPECT_THAT(refusal("K\x01"), HasSubstr("cut or damaged"));
  EXPECT_THAT(refusal("."), HasSubstr("takes a value that is not there"));
  EXPECT_THAT(refusal("(a."), HasSubstr("takes a value that is not there"));
  EXPECT_THAT(refusal("NN."), HasSubstr("values left over"));
  EXPECT_THAT(refusal("t."), HasSubstr("mark that is not there"));
  EXPECT_THAT(refusal("h\x07."), HasSubstr("memo 7 that was never set"));
  EXPECT_THAT(refusal("\xff."), HasSubstr("unknown opcode 0xff"));
  EXPECT_THAT(refusal("\x80\x09."), HasSubstr("protocol 9"));
  EXPECT_THAT(refusal("K\x01K\x02"
                      "a."),
              HasSubstr("appends to an int"));
  EXPECT_THAT(refusal("NK\x01"
                      "b."),
              HasSubstr("sets the state of None"));
  EXPECT_THAT(refusal("](K\x01u."), HasSubstr("sets a key of a list"));
  EXPECT_THAT(refusal("}(K\x01u."), HasSubstr("key without a value"));
  EXPECT_THAT(refusal("ca\nb\nK\x01R."), HasSubstr("in place of a tuple"));
  EXPECT_THAT(refusal("Iten\n."), HasSubstr("'ten'"));
  EXPECT_THAT(refusal("\x82\x01."), HasSubstr("extension"));
  EXPECT_THAT(refusal("\x97."), HasSubstr("outside of the file"));
}

TEST_F(Pickle, SizesInItAreNotBelieved) {
  EXPECT_THAT(refusal("X\xff\xff\xff\x7f"
                      "abc"),
              HasSubstr("a string of 2147483647 bytes"));
  EXPECT_THAT(refusal("\x8d"s + little_endian_bytes(~0ULL, 8)), HasSubstr("a string of"));
  EXPECT_THAT(refusal("X\x10\0\0\0abc"s), HasSubstr("where 3 are left"));
  EXPECT_THAT(refusal("\x95"s + little_endian_bytes(1000, 8) + "N."), HasSubstr("frame of 1000"));
  EXPECT_THAT(refusal("Nr\xff\xff\xff\xff."), HasSubstr("memo 4294967295"));
  Policy small;
  small.max_values = 10;
  EXPECT_THAT(refusal(std::string(20, ']') + ".", small), HasSubstr("more than 10 values"));
  small = {};
  small.max_bytes = 10;
  EXPECT_THAT(refusal(std::string(20, 'N') + ".", small), HasSubstr("longer than any"));
}

TEST_F(Pickle, WhatIsCopiedAgainAndAgainIsCounted) {
  Policy small;
  small.max_bytes = 100'000;
  // A list of 10,000 pairs, and a dict made of it by three bytes each time.
  std::string pairs = "ccollections\nOrderedDict\nq\0]q\1(NN\x86q\2"s;
  for (int i = 0; i < 10'000; ++i) pairs += "h\2"s;
  pairs += "e\x85q\3"s;
  for (int i = 0; i < 10'000; ++i) pairs += "h\0h\3R0"s;
  EXPECT_THAT(refusal(pairs + ".", small), HasSubstr("copies itself"));
  // A long name of a class, named by five bytes.
  std::string names = "X\x50\xc3\0\0"s + std::string(50'000, 'm') + "q\0"s;
  for (int i = 0; i < 1'000; ++i) names += "h\0h\0\x93"s;
  EXPECT_THAT(refusal(names + ".", small), HasSubstr("copies itself"));
}

TEST_F(Pickle, NestingOfAnyDepthHarmsNothing) {
  // Each TUPLE1 holds the last; a tree of owning pointers would overflow the stack when it goes.
  const Ref deep = read("N"s + std::string(1'000'000, '\x85') + ".");
  EXPECT_EQ(doc_[deep].kind, Kind::tuple);
  EXPECT_THAT(refusal(std::string(100'000, '(')), HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace ctclip::pickle
