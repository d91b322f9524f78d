#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ctclip {

/// WordPiece tokenizer of BERT, uncased (Devlin et al., arXiv:1810.04805; the rules as
/// transformers.BertTokenizer has them): clean, blanks about CJK ideographs, NFC, lower case, strip
/// accents, split punctuation, longest match with "##". Immutable; any number of threads may call
/// it.
class Tokenizer {
 public:
  /// vocab.txt: one piece a line, its id the line number from 0; [UNK], [CLS], [SEP] found by name.
  /// Throws Error{bad_model}: the file, what was expected, what was found.
  explicit Tokenizer(const std::filesystem::path& vocabulary);

  std::size_t size() const { return pieces_.size(); }
  const std::string& piece(int32_t id) const { return pieces_.at(static_cast<std::size_t>(id)); }

  /// [CLS], at most 510 pieces, [SEP]. `text` is UTF-8; bytes that are not are dropped.
  std::vector<int32_t> operator()(std::string_view text) const;

 private:
  int32_t require(const std::string& piece, const std::filesystem::path& file) const;
  void add_word(const std::u32string& word, std::vector<int32_t>& ids) const;

  std::vector<std::string> pieces_;
  std::unordered_map<std::string, int32_t> ids_;
  int32_t unknown_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace ctclip
