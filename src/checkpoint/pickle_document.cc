#include <algorithm>
#include <array>
#include <utility>

#include "checkpoint/pickle.h"

namespace ctclip::pickle {
namespace {

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return "a bool";
    case Kind::integer:
    case Kind::big_integer:
      return "an int";
    case Kind::real:
      return "a float";
    case Kind::text:
      return "a string";
    case Kind::bytes:
      return "bytes";
    case Kind::list:
      return "a list";
    case Kind::tuple:
      return "a tuple";
    case Kind::set:
      return "a set";
    case Kind::dict:
      return "a dict";
    case Kind::global:
      return "a class or function";
    case Kind::object:
      return "an object";
    case Kind::persistent:
      return "a storage";
  }
  return "something else";
}

/// Modules whose functions run code, start programs, or reach files, the network or the
/// interpreter.
constexpr auto kDangerousModules = std::to_array<std::string_view>(
    {"_aix_support", "_bootsubprocess", "_osx_support", "_pickle",    "_posixsubprocess",
     "_pyrepl",      "_thread",         "aiohttp",      "asyncio",    "atexit",
     "bdb",          "cProfile",        "cffi",         "code",       "codeop",
     "commands",     "concurrent",      "ctypes",       "distutils",  "doctest",
     "ensurepip",    "fileinput",       "ftplib",       "gc",         "http",
     "httplib",      "idlelib",         "imp",          "importlib",  "inspect",
     "lib2to3",      "linecache",       "marshal",      "mmap",       "multiprocessing",
     "nt",           "ntpath",          "os",           "pdb",        "pickle",
     "pip",          "pkgutil",         "platform",     "popen2",     "posix",
     "posixpath",    "profile",         "pty",          "py_compile", "pydoc",
     "requests",     "resource",        "runpy",        "setuptools", "shelve",
     "shutil",       "signal",          "smtplib",      "socket",     "socketserver",
     "ssl",          "subprocess",      "sys",          "sysconfig",  "tempfile",
     "test",         "threading",       "timeit",       "trace",      "unittest",
     "urllib",       "urllib2",         "venv",         "webbrowser", "xmlrpc",
     "zipimport"});

constexpr auto kDangerousBuiltins =
    std::to_array<std::string_view>({"__build_class__", "__import__", "apply", "breakpoint",
                                     "compile",         "delattr",    "eval",  "exec",
                                     "execfile",        "exit",       "file",  "getattr",
                                     "globals",         "help",       "input", "locals",
                                     "memoryview",      "open",       "quit",  "raw_input",
                                     "reload",          "setattr",    "vars"});

/// Single functions of modules that are harmless otherwise; a dot at the end means all below.
constexpr auto kDangerousNames = std::to_array<std::string_view>(
    {"functools.reduce", "logging.config.", "numpy.f2py.", "numpy.load", "numpy.testing.",
     "operator.attrgetter", "operator.methodcaller", "torch._dynamo.", "torch._inductor.",
     "torch.hub.", "torch.jit.load", "torch.load", "torch.serialization.load",
     "torch.utils.bottleneck.", "torch.utils.collect_env.", "torch.utils.cpp_extension."});

template <typename Names>
bool holds(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Document::Document() { values_.emplace_back(); }

Ref Document::add(Value value) {
  held_ += value.text.size() + value.items.size() * sizeof(Ref);
  values_.push_back(std::move(value));
  return static_cast<Ref>(values_.size() - 1);
}

std::optional<Ref> Document::find(Ref dict, std::string_view key) const {
  const Value& value = values_[dict];
  if (value.kind != Kind::dict) return std::nullopt;
  for (std::size_t i = value.items.size(); i >= 2; i -= 2) {  // the last of equal keys counts
    const Value& candidate = values_[value.items[i - 2]];
    if (candidate.kind == Kind::text && candidate.text == key) return value.items[i - 1];
  }
  return std::nullopt;
}

std::string_view Document::made_by(Ref ref) const {
  const Value& value = values_[ref];
  if (value.kind != Kind::object || values_[value.callable].kind != Kind::global) return {};
  return values_[value.callable].text;
}

std::optional<Ref> Document::argument(Ref object, std::size_t index) const {
  const std::vector<Ref>& arguments = values_[values_[object].arguments].items;
  if (values_[object].kind != Kind::object || index >= arguments.size()) return std::nullopt;
  return arguments[index];
}

std::optional<std::vector<std::string>> Document::texts(const std::vector<Ref>& items,
                                                        uint64_t& left) const {
  std::vector<std::string> result;
  for (const Ref item : items) {
    const std::string& text = values_[item].text;
    const uint64_t size = sizeof(std::string) + text.size();
    if (values_[item].kind != Kind::text || size > left || !is_utf8(text)) return std::nullopt;
    left -= size;
    result.push_back(text);
  }
  return result;
}

std::string Document::describe(Ref ref) const {
  std::string text(kind_name(values_[ref].kind));
  if (!made_by(ref).empty()) text += " (" + quotable(made_by(ref)) + ")";
  return text;
}

bool is_dangerous(std::string_view module, std::string_view name) {
  const std::string_view root = module.substr(0, module.find('.'));
  if (holds(kDangerousModules, root)) return true;
  std::string_view rest = name;  // "os.system" as a name of torch.serialization is os.system
  for (std::size_t dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    const std::string_view part = rest.substr(0, dot);
    rest.remove_prefix(dot + 1);
    if (holds(kDangerousModules, part) || part.starts_with("__")) return true;
  }
  if (root == "builtins" || root == "__builtin__" || root == "__builtins__") {
    return holds(kDangerousBuiltins, rest) ||
           holds(kDangerousBuiltins, name.substr(0, name.find('.')));
  }
  const std::string full = std::string(module) + "." + std::string(name);
  return std::any_of(kDangerousNames.begin(), kDangerousNames.end(), [&](std::string_view one) {
    return one.ends_with('.') ? full.starts_with(one) : full == one;
  });
}

}  // namespace ctclip::pickle
