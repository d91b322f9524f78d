#include "server/access.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.h"
#include "refusal.h"
#include "server/peer.h"
#include "server/security_headers.h"
#include "testing.h"

namespace ctclip {
namespace {

namespace ip = boost::asio::ip;
using std::chrono_literals::operator""s;
using ::testing::HasSubstr;
using testing::refusal;

Peer stranger() { return peer_of(ip::make_address("192.0.2.7")); }
/// As a session lets a request in.
Identity admit(Gate& gate, Access access, const std::string& key, const Peer& peer) {
  Identity identity = gate.identify(access, key, peer);
  require_scope(identity, access);
  return identity;
}
Peer this_machine() { return peer_of(ip::make_address("127.0.0.1")); }

class KeysTest : public ::testing::Test {
 protected:
  void write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(file_) << text;
    chmod(file_.c_str(), mode);
  }

  testing::TempDir folder_;
  const std::filesystem::path file_ = folder_.path() / "keys";
};

TEST(ScopesTest, AreReadAndWritten) {
  EXPECT_EQ(Scopes::parse("read, submit").text(), "submit,read");
  EXPECT_TRUE(Scopes::parse("admin").has(Scope::submit));
  EXPECT_FALSE(Scopes::parse("submit").has(Scope::read));
  for (const char* wrong : {"", "read,", "all", "READ", "read;submit"}) {
    EXPECT_EQ(refusal([&] { Scopes::parse(wrong); }), Code::usage) << wrong;
  }
}

TEST(IdentityTest, SeesItsOwnStudiesUnlessItIsAnAdmin) {
  const Identity ward{"ward", Scopes{Scope::submit, Scope::read}};
  EXPECT_TRUE(ward.may_see("ward"));
  EXPECT_FALSE(ward.may_see("other"));
  EXPECT_TRUE((Identity{"head", Scopes{Scope::admin}}.may_see("ward")));
  EXPECT_TRUE(Identity{}.may_see(""));  // without keys everyone is the same
  EXPECT_FALSE(Identity{}.may_see("ward"));
}

TEST_F(KeysTest, AreMadeAndTakenAway) {
  const std::string one = add_key(file_, "one", Scopes{Scope::submit});
  const std::string two = add_key(file_, "two", Scopes{Scope::admin});
  EXPECT_NE(one, two);
  auto keys = read_keys(file_);
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].id, "one");
  EXPECT_EQ(keys[0].hash, hash_of(one));
  EXPECT_EQ(refusal([&] { add_key(file_, "one", {}); }), Code::usage);
  remove_key(file_, "one");
  keys = read_keys(file_);
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].scopes, Scopes{Scope::admin});
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "keys.new"));
}

TEST_F(KeysTest, AFileThatMakesNoSenseIsRefusedByLineAndNotQuoted) {
  const std::string hash(64, 'a');
  const std::vector<std::string> lines = {"ctclip_secret",
                                          "one submit",
                                          "one submit sha256:" + hash.substr(1),
                                          "one submit md5:" + hash,
                                          "one submit sha256:" + hash + " more",
                                          "one write sha256:" + hash,
                                          "o/ne submit sha256:" + hash,
                                          "one submit sha256:" + hash + "\none read sha256:" + hash,
                                          "one submit sha256:" + std::string(64, 'A')};
  for (const std::string& line : lines) {
    write("# comment\n\n" + line + "\n");
    try {
      read_keys(file_);
      ADD_FAILURE() << line;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::usage);
      EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("secret")));
    }
  }
}

TEST_F(KeysTest, AFileThatOthersReadOrWriteIsRefused) {
  for (const mode_t open : {0604, 0602, 0620, 0666, 0644}) {
    write("", open);
    EXPECT_EQ(refusal([&] { read_keys(file_); }), Code::usage) << std::oct << open;
  }
  write("", 0640);
  EXPECT_TRUE(read_keys(file_).empty());
}

TEST_F(KeysTest, AGateAdmitsByKeyAndScope) {
  const std::string submit = add_key(file_, "one", Scopes{Scope::submit});
  const std::string admin = add_key(file_, "two", Scopes{Scope::admin});
  Gate gate(file_);
  EXPECT_EQ(admit(gate, Access::submit, submit, stranger()).owner(), "one");
  EXPECT_EQ(admit(gate, Access::operate, admin, stranger()).owner(), "two");
  EXPECT_EQ(admit(gate, Access::operate, "", this_machine()).owner(), "");
  EXPECT_EQ(admit(gate, Access::open, "wrong", stranger()).owner(), "");
  const auto refused = [&](Access access, const std::string& key, const Peer& peer) {
    return refusal([&] { admit(gate, access, key, peer); });
  };
  EXPECT_EQ(refused(Access::submit, "", this_machine()), Code::unauthenticated);
  EXPECT_EQ(refused(Access::submit, "wrong", stranger()), Code::unauthenticated);
  EXPECT_EQ(refused(Access::submit, submit + " ", stranger()), Code::unauthenticated);
  EXPECT_EQ(refused(Access::read, submit, stranger()), Code::forbidden);
  EXPECT_EQ(refused(Access::operate, submit, this_machine()), Code::forbidden);
  EXPECT_EQ(refused(Access::operate, "", stranger()), Code::unauthenticated);
}

TEST_F(KeysTest, WhoLacksAScopeIsKnownAllTheSame) {
  const std::string submit = add_key(file_, "one", Scopes{Scope::submit});
  Gate gate(file_);
  const Identity one = gate.identify(Access::read, submit, stranger());
  EXPECT_EQ(one.id, "one");
  EXPECT_EQ(refusal([&] { require_scope(one, Access::read); }), Code::forbidden);
}

TEST_F(KeysTest, AKeyThatCannotBeWrittenIsTakenBack) {
  const auto out = folder_.path() / "key";
  add_key_into(out, file_, "one", Scopes{Scope::read});
  std::filesystem::permissions(out, std::filesystem::perms(0604));
  EXPECT_EQ(refusal([&] { add_key_into(out, file_, "two", Scopes{Scope::read}); }), Code::usage);
  std::filesystem::create_directory(folder_.path() / "other.new");  // where the file would be made
  EXPECT_EQ(
      refusal([&] { add_key_into(folder_.path() / "other", file_, "two", Scopes{Scope::read}); }),
      Code::usage);
  ASSERT_EQ(read_keys(file_).size(), 1U);
  EXPECT_EQ(read_keys(file_)[0].id, "one");
}

TEST_F(KeysTest, ABadFileLeavesTheOldKeysInForce) {
  const std::string key = add_key(file_, "one", Scopes{Scope::submit});
  Gate gate(file_);
  write("nonsense\n");
  EXPECT_EQ(refusal([&] { gate.reload(); }), Code::usage);
  EXPECT_EQ(admit(gate, Access::submit, key, stranger()).id, "one");
  write("");
  gate.reload();
  EXPECT_EQ(refusal([&] { admit(gate, Access::submit, key, stranger()); }), Code::unauthenticated);
}

TEST(GateTest, WithoutKeysAsksForNoneAndMakesNobodyAnAdmin) {
  Gate gate({});
  EXPECT_EQ(admit(gate, Access::submit, "", stranger()).owner(), "");
  EXPECT_EQ(admit(gate, Access::read, "whatever", stranger()).owner(), "");
  EXPECT_EQ(admit(gate, Access::operate, "", this_machine()).owner(), "");
  EXPECT_EQ(refusal([&] { admit(gate, Access::operate, "", stranger()); }), Code::forbidden);
  EXPECT_EQ(refusal([&] { admit(gate, Access::admin, "", this_machine()); }), Code::forbidden);
}

TEST(AccessTest, WhatIsInNoTableIsForAdmins) {
  EXPECT_EQ(access_of(Route::predict, "POST"), Access::submit);
  EXPECT_EQ(access_of(Route::health, "HEAD"), Access::open);
  EXPECT_EQ(access_of(Route::predict, "GET"), Access::admin);
  EXPECT_EQ(access_of(Route::metrics, "HEAD"), Access::operate);
  EXPECT_EQ(access_of(Route::studies, "POST"), Access::submit);
  EXPECT_EQ(access_of(Route::studies, "GET"), Access::read);
  EXPECT_EQ(access_of(Route::study, "DELETE"), Access::submit);
  EXPECT_EQ(access_of(Route::study_events, "HEAD"), Access::read);
}

TEST(PresentedKey, IsTheBearersElseTheHeaders) {
  EXPECT_EQ(presented_key("Bearer  abc ", "def"), "abc");
  EXPECT_EQ(presented_key("bearer abc", ""), "abc");
  EXPECT_EQ(presented_key("Basic abc", " def"), "def");
  EXPECT_EQ(presented_key("Bearer", ""), "");
  EXPECT_EQ(presented_key("", ""), "");
}

TEST(FailedAttemptsTest, AreForgivenWithTime) {
  FailedAttempts failed;
  const FailedAttempts::Clock::time_point start{1000s};
  for (int i = 0; i < FailedAttempts::kAtOnce; ++i) EXPECT_TRUE(failed.count("a", start)) << i;
  EXPECT_FALSE(failed.count("a", start));
  EXPECT_TRUE(failed.count("b", start));
  EXPECT_FALSE(failed.count("a", start + FailedAttempts::kPause - 1s));
  EXPECT_TRUE(failed.count("a", start + FailedAttempts::kPause));
  EXPECT_FALSE(failed.count("a", start + FailedAttempts::kPause));
  // However many addresses there are, what is remembered stays bounded, and they are all counted.
  for (std::size_t i = 0; i < 2 * FailedAttempts::kAddresses; i += 64) {
    EXPECT_TRUE(failed.count("x" + std::to_string(i), start + 7s));
  }
}

TEST(PeerTest, CountsAnIpv6HouseholdAsOneAndAProxyAsNobody) {
  const auto peer = [](const char* text) { return peer_of(ip::make_address(text)); };
  EXPECT_EQ(peer("192.0.2.7").client, "192.0.2.7");
  EXPECT_EQ(peer("::ffff:192.0.2.7").client, "192.0.2.7");
  EXPECT_EQ(peer("::ffff:192.0.2.7").ip, "192.0.2.7");
  EXPECT_EQ(peer("2001:db8:1:2:3:4:5:6").ip, "2001:db8:1:2:3:4:5:6");
  EXPECT_EQ(peer("2001:db8:1:2:3:4:5:6").client, peer("2001:db8:1:2::1").client);
  EXPECT_NE(peer("2001:db8:1:3::1").client, peer("2001:db8:1:2::1").client);
  for (const char* proxy : {"127.0.0.1", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(peer(proxy).client, "") << proxy;
    EXPECT_TRUE(peer(proxy).loopback) << proxy;
  }
  EXPECT_EQ(peer("127.0.0.2").client, "127.0.0.2");
  EXPECT_TRUE(peer("127.0.0.2").loopback);
  EXPECT_FALSE(peer("192.0.2.7").loopback);
}

TEST(QuotaTest, GivesBackWhatGoesAway) {
  Quota quota(2);
  auto first = quota.take("a");
  auto second = quota.take("a");
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(quota.take("a"));
  EXPECT_TRUE(quota.take("b"));
  EXPECT_TRUE(quota.take(""));
  Quota::Slot moved = std::move(*first);
  EXPECT_FALSE(quota.take("a"));
  moved = Quota::Slot();
  EXPECT_TRUE(quota.take("a"));
  Quota none(0);
  EXPECT_TRUE(none.take("a"));
}

TEST(CorsTest, TakesOriginsAndNothingElse) {
  for (const char* wrong :
       {"*", "null", "https://", "https://a.example.org/", "ftp://a", "a.example",
        "https://A.example.org", "https://a b", "https://a\r\nX: y"}) {
    EXPECT_EQ(refusal([&] { Cors({wrong}); }), Code::usage) << wrong;
  }
  const Cors cors({"https://a.example.org", "http://[::1]:8080"});
  EXPECT_TRUE(cors.allows("http://[::1]:8080"));
  EXPECT_FALSE(cors.allows("https://a.example.org.evil.com"));
  EXPECT_FALSE(cors.allows("http://a.example.org"));
  EXPECT_FALSE(Cors({}).allows(""));
}

}  // namespace
}  // namespace ctclip
