#include "server/trusted_proxies.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "refusal.h"

namespace ctclip {
namespace {

namespace ip = boost::asio::ip;
using testing::refusal;
using Fields = std::vector<std::string_view>;

const std::vector<std::string> kProxies = {"127.0.0.1", "10.0.0.0/8", "fd00::/8"};

Peer client(const char* connected, const Fields& x_forwarded_for, const Fields& forwarded = {}) {
  return TrustedProxies(kProxies).client_of(ip::make_address(connected),
                                            {x_forwarded_for, forwarded});
}
std::string by_x(std::string_view field) { return client("10.0.0.1", {field}).ip; }
std::string by_forwarded(std::string_view field) { return client("10.0.0.1", {}, {field}).ip; }

TEST(TrustedProxiesTest, AreAddressesAndNetworks) {
  const TrustedProxies proxies(kProxies);
  for (const char* trusted : {"127.0.0.1", "10.255.0.1", "::ffff:10.0.0.1", "fdab::1"}) {
    EXPECT_TRUE(proxies.trusts(ip::make_address(trusted))) << trusted;
  }
  for (const char* stranger : {"127.0.0.2", "11.0.0.1", "::1", "fe80::1"}) {
    EXPECT_FALSE(proxies.trusts(ip::make_address(stranger))) << stranger;
  }
  for (const char* wrong : {"", "proxy", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "fd00::/129",
                            "fd00::1/8", "10.0.0"}) {
    EXPECT_EQ(refusal([&] { TrustedProxies({wrong}); }), Code::usage) << wrong;
  }
}

TEST(TrustedProxiesTest, WhoIsNoneCannotNameAnotherClient) {
  EXPECT_EQ(client("192.0.2.7", {"203.0.113.9"}).ip, "192.0.2.7");
  EXPECT_EQ(client("192.0.2.7", {}, {"for=203.0.113.9"}).ip, "192.0.2.7");
  EXPECT_EQ(TrustedProxies({}).client_of(ip::make_address("127.0.0.1"), {{"203.0.113.9"}, {}}).ip,
            "127.0.0.1");
}

TEST(TrustedProxiesTest, TheRightMostHopThatIsNoneIsTheClient) {
  EXPECT_EQ(by_x("203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(by_x("6.6.6.6, 203.0.113.9"), "203.0.113.9");  // what the client itself had sent
  EXPECT_EQ(by_x("6.6.6.6, 203.0.113.9, 10.1.1.1,fd00::2"), "203.0.113.9");
  EXPECT_EQ(by_x("10.0.0.9, 10.0.0.8"), "10.0.0.9");  // all are proxies: the farthest
  EXPECT_EQ(client("10.0.0.1", {"6.6.6.6", "203.0.113.9", "10.0.0.2"}).ip, "203.0.113.9");
  EXPECT_EQ(by_forwarded("for=6.6.6.6, For=203.0.113.9;proto=https;by=10.0.0.1"), "203.0.113.9");
  EXPECT_EQ(client("10.0.0.1", {}, {"for=6.6.6.6", "for=203.0.113.9"}).ip, "203.0.113.9");
}

TEST(TrustedProxiesTest, PortsAndBracketsAreTakenOff) {
  for (const char* field : {"203.0.113.9:8080", "203.0.113.9:_hidden", "::ffff:203.0.113.9"}) {
    EXPECT_EQ(by_x(field), "203.0.113.9") << field;
  }
  for (const char* field : {"2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443"}) {
    EXPECT_EQ(by_x(field), "2001:db8::1") << field;
  }
  for (const char* field : {"for=\"[2001:db8::1]\"", "for=\"[2001:db8::1]:443\"",
                            "FOR=\"[2001:db8::1]:_port\" ; proto=https", ";;for=[2001:db8::1];"}) {
    EXPECT_EQ(by_forwarded(field), "2001:db8::1") << field;
  }
  EXPECT_EQ(by_forwarded(R"(for="203.0.\113.9")"), "203.0.113.9");  // a quoted pair
}

TEST(TrustedProxiesTest, AHopWithoutAnAddressLeavesTheProxyBeforeIt) {
  for (const char* hop : {"unknown", "_hidden", "", " ", "host.example.org", "203.0.113.9:99999999",
                          "203.0.113.9:", "[203.0.113.9]", "[2001:db8::1", "fe80::1%eth0", "1.2.3",
                          "203.0.113.9 x", "010.1.1.1"}) {
    EXPECT_EQ(by_x("6.6.6.6, " + std::string(hop)), "10.0.0.1") << hop;
    EXPECT_EQ(by_x("6.6.6.6, " + std::string(hop) + ", 10.0.0.7"), "10.0.0.7") << hop;
  }
  for (const char* field :
       {"for=6.6.6.6, for=unknown", "for=6.6.6.6, for=_hidden", "for=6.6.6.6, proto=https",
        "for=6.6.6.6,", "for=6.6.6.6, for", "for=6.6.6.6, for=", "for=6.6.6.6;for=7.7.7.7",
        "for=6.6.6.6, for=\"2001:db8::1", "for=6.6.6.6 7.7.7.7", "for = 6.6.6.6"}) {
    EXPECT_EQ(by_forwarded(field), "10.0.0.1") << field;
  }
}

// What a client leaves open must not swallow what its proxy adds to it.
TEST(TrustedProxiesTest, AnOpenQuoteHidesNobody) {
  EXPECT_EQ(by_forwarded("for=6.6.6.6;x=\", for=203.0.113.9"), "10.0.0.1");
  EXPECT_EQ(by_forwarded("for=6.6.6.6;x=\", for=\"203.0.113.9\""), "10.0.0.1");
  EXPECT_EQ(by_forwarded("for=6.6.6.6;x=\"\\, for=\"[2001:db8::1]\""), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {}, {"for=\"6.6.6.6", "for=203.0.113.9"}).ip, "203.0.113.9");
}

// A proxy writes one of the two; the other may be the client's own.
TEST(TrustedProxiesTest, TwoHeadersThatDifferNameNobody) {
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9"}, {"for=6.6.6.6"}).ip, "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {"6.6.6.6"}, {"for=203.0.113.9"}).ip, "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9"}, {"for=203.0.113.9"}).ip, "203.0.113.9");
}

TEST(TrustedProxiesTest, LimitsFollowTheClient) {
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9"}).client, "203.0.113.9");
  EXPECT_EQ(client("10.0.0.1", {"2001:db8:1:2::7"}).client, "2001:db8:1:2::/64");
  EXPECT_EQ(client("10.0.0.1", {"2001:db8:1:2::7"}).address, "2001:db8:1:2::/64");
  EXPECT_EQ(TrustedProxies(kProxies).peer_of(ip::make_address("10.0.0.1")).client, "");
  EXPECT_EQ(TrustedProxies({}).peer_of(ip::make_address("10.0.0.1")).client, "10.0.0.1");
}

TEST(TrustedProxiesTest, NobodyBehindAProxyIsThisMachine) {
  EXPECT_FALSE(client("127.0.0.1", {"127.0.0.1"}).loopback);
  EXPECT_FALSE(client("127.0.0.1", {"203.0.113.9"}).loopback);
  EXPECT_TRUE(client("127.0.0.1", {}).loopback);
}

}  // namespace
}  // namespace ctclip
