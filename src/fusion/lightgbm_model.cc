#include "fusion/lightgbm_model.h"

#include <algorithm>

#include "base/error.h"

namespace ctclip::lightgbm {

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

std::size_t Model::features() const { return impl_->names.size(); }
const std::vector<std::string>& Model::feature_names() const { return impl_->names; }
std::size_t Model::outputs() const { return impl_->outputs; }
std::size_t Model::trees() const { return impl_->trees.size(); }
const std::string& Model::origin() const { return impl_->origin; }
const std::string& Model::objective() const { return impl_->objective.line(); }
bool Model::is_binary_classifier() const { return impl_->objective.is_binary_classifier(); }
const std::string& Model::no_contributions() const { return impl_->no_contributions; }
bool Model::has_linear_trees() const {
  return impl_->linear_tree_parameter || std::ranges::any_of(impl_->trees, &Tree::linear);
}

std::vector<double> Model::Impl::prepared(std::span<const double> row) const {
  if (row.size() != names.size()) {
    throw Error(Code::internal, "a row has " + std::to_string(row.size()) + " values, the model " +
                                    std::to_string(names.size()) + " features");
  }
  std::vector<double> result(row.begin(), row.end());
  // In scikit-learn's order: first all differences, then all quotients.
  for (std::size_t i = 0; i < mean.size(); ++i) result[i] -= mean[i];
  for (std::size_t i = 0; i < scale.size(); ++i) result[i] /= scale[i];
  flush_tiny(result);
  return result;
}

void Model::raw(std::span<const double> row, std::span<double> out) const {
  const std::vector<double> x = impl_->prepared(row);
  std::ranges::fill(out, 0.0);
  for (std::size_t i = 0; i < impl_->trees.size(); ++i) {
    out[i % impl_->outputs] += impl_->trees[i].output(x);
  }
}

void Model::probability(std::span<const double> row, std::span<double> out) const {
  raw(row, out);
  if (impl_->average_output) {
    const std::size_t iterations = impl_->trees.size() / impl_->outputs;
    for (double& score : out) score /= static_cast<double>(iterations);
  }
  impl_->objective.transform(out);
}

void Model::leaves(std::span<const double> row, std::span<int32_t> out) const {
  const std::vector<double> x = impl_->prepared(row);
  for (std::size_t i = 0; i < impl_->trees.size(); ++i) out[i] = impl_->trees[i].leaf(x);
}

void Model::contributions(std::span<const double> row, std::span<double> out) const {
  if (!impl_->no_contributions.empty()) {
    throw Error(Code::bad_model, impl_->origin + ": " + impl_->no_contributions);
  }
  const std::vector<double> x = impl_->prepared(row);
  const std::size_t width = x.size() + 1;
  std::ranges::fill(out, 0.0);
  for (std::size_t i = 0; i < impl_->trees.size(); ++i) {
    impl_->trees[i].add_shap(x, out.subspan(i % impl_->outputs * width, x.size()));
  }
  for (std::size_t k = 0; k < impl_->outputs; ++k) out[k * width + x.size()] = impl_->expected[k];
}

}  // namespace ctclip::lightgbm
