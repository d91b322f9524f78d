// Path-dependent TreeSHAP: Lundberg, Erion, Lee, "Consistent Individualized Feature Attribution for
// Tree Ensembles", arXiv:1802.03888, algorithm 2 (EXTEND, UNWIND). Operations are in the order in
// which LightGBM does them, so that results are equal to the bit.

#include <algorithm>
#include <vector>

#include "fusion/lightgbm_tree.h"

namespace ctclip::lightgbm {
namespace {

/// One feature met on the way from the root, and the row's own way there.
struct Step {
  int32_t feature;
  double zero;    ///< share of training rows that go on when the feature is unknown
  double one;     ///< 1 where the row itself goes this way, else 0
  double weight;  ///< of all subsets of this path with as many known features as this step's index
};

/// Steps [0, last], the first of which stands for the root and has no feature.
class Path {
 public:
  Path(Step* steps, int last) : steps_(steps), last_(last) {}

  int last() const { return last_; }
  Step& operator[](int i) { return steps_[i]; }
  const Step& operator[](int i) const { return steps_[i]; }
  /// Where a child's copy of this path may begin.
  Step* beyond() const { return steps_ + last_ + 1; }

  void extend(double zero, double one, int32_t feature);
  void unwind(int index);
  /// Index of the step of a feature, or -1.
  int find(int32_t feature) const;

 private:
  Step* steps_;
  int last_;
};

void Path::extend(double zero, double one, int32_t feature) {
  ++last_;
  const double length = last_ + 1;
  steps_[last_] = {feature, zero, one, last_ == 0 ? 1.0 : 0.0};
  for (int i = last_ - 1; i >= 0; --i) {
    steps_[i + 1].weight += one * steps_[i].weight * (i + 1) / length;
    steps_[i].weight = zero * steps_[i].weight * (last_ - i) / length;
  }
}

void Path::unwind(int index) {
  const double one = steps_[index].one;
  const double zero = steps_[index].zero;
  const double length = last_ + 1;
  double carried = steps_[last_].weight;
  for (int i = last_ - 1; i >= 0; --i) {
    double& weight = steps_[i].weight;
    if (one != 0) {
      const double before = weight;
      weight = carried * length / ((i + 1) * one);
      carried = before - weight * zero * (last_ - i) / length;
    } else {
      weight = weight * length / (zero * (last_ - i));
    }
  }
  for (int i = index; i < last_; ++i) {
    steps_[i].feature = steps_[i + 1].feature;
    steps_[i].zero = steps_[i + 1].zero;
    steps_[i].one = steps_[i + 1].one;
  }
  --last_;
}

int Path::find(int32_t feature) const {
  for (int i = 1; i <= last_; ++i) {
    if (steps_[i].feature == feature) return i;
  }
  return -1;
}

}  // namespace

/// One tree's walk for one row.
class Tree::Shap {
 public:
  Shap(const Tree& tree, std::span<const double> row, std::span<double> phi)
      : tree_(tree),
        row_(row),
        phi_(phi),
        // A path of n steps is copied for each child: 1 + 2 + ... + (depth + 1) steps at most.
        steps_(static_cast<std::size_t>(tree.depth_ + 1) *
               static_cast<std::size_t>(tree.depth_ + 2) / 2),
        lanes_(static_cast<std::size_t>(tree.depth_ + 1)) {}

  void run() { visit(0, Path(steps_.data(), -1), 1, 1, -1); }

 private:
  /// Sums of algorithm 2's UNWIND for many steps at once: each lane goes on by itself in the
  /// order of the scalar loop, and the loops over lanes vectorise.
  struct Lanes {
    explicit Lanes(std::size_t size) : step(size), zero(size), carried(size), sum(size) {}
    std::vector<int> step;
    std::vector<double> zero, carried, sum;
  };

  void visit(int32_t at, Path path, double zero, double one, int32_t feature);
  void add_leaf(double value, const Path& path);
  void sum_known(const Path& path, int count);
  void sum_unknown(const Path& path, int count);
  int choose(const Path& path, bool known);
  void add_lanes(const Path& path, int count, double value);

  const Tree& tree_;
  std::span<const double> row_;
  std::span<double> phi_;
  std::vector<Step> steps_;
  Lanes lanes_;
};

/// `path` is this call's own copy. Recursion is as deep as the tree: at most kMaxContributionDepth.
void Tree::Shap::visit(int32_t at, Path path, double zero, double one, int32_t feature) {
  path.extend(zero, one, feature);
  if (at < 0) {
    add_leaf(tree_.leaf_value_[leaf_of(at)], path);
    return;
  }
  const Node& node = tree_.nodes_[static_cast<std::size_t>(at)];
  const int32_t hot = tree_.next(node, row_[static_cast<std::size_t>(node.feature)]);
  const int32_t cold = hot == node.left ? node.right : node.left;
  const double rows = tree_.count(at);

  double known_zero = 1;
  double known_one = 1;
  if (const int met = path.find(node.feature); met > 0) {
    known_zero = path[met].zero;
    known_one = path[met].one;
    path.unwind(met);
  }
  const auto descend = [&](int32_t child, double child_one) {
    Step* const own = path.beyond();
    std::copy(&path[0], path.beyond(), own);
    visit(child, Path(own, path.last()), tree_.count(child) / rows * known_zero, child_one,
          node.feature);
  };
  descend(hot, known_one);
  descend(cold, 0);
}

void Tree::Shap::add_leaf(double value, const Path& path) {
  const int known = choose(path, true);
  sum_known(path, known);
  add_lanes(path, known, value);
  const int unknown = choose(path, false);
  sum_unknown(path, unknown);
  add_lanes(path, unknown, value);
}

/// Puts the steps that the row follows (or those that it does not) into the lanes.
int Tree::Shap::choose(const Path& path, bool known) {
  int count = 0;
  for (int i = 1; i <= path.last(); ++i) {
    if ((path[i].one != 0) != known) continue;
    const auto lane = static_cast<std::size_t>(count++);
    lanes_.step[lane] = i;
    lanes_.zero[lane] = path[i].zero;
    lanes_.carried[lane] = path[path.last()].weight;
    lanes_.sum[lane] = 0;
  }
  return count;
}

void Tree::Shap::sum_known(const Path& path, int count) {
  const double length = path.last() + 1;
  const double* const zero = lanes_.zero.data();
  double* const carried = lanes_.carried.data();
  double* const sum = lanes_.sum.data();
  for (int i = path.last() - 1; i >= 0; --i) {
    const double weight = path[i].weight;
    const double divisor = i + 1;  // times `one`, which is 1 here
    const double share = (path.last() - i) / length;
    for (int lane = 0; lane < count; ++lane) {
      const double part = carried[lane] * length / divisor;
      sum[lane] += part;
      carried[lane] = weight - part * zero[lane] * share;
    }
  }
}

void Tree::Shap::sum_unknown(const Path& path, int count) {
  const double length = path.last() + 1;
  const double* const zero = lanes_.zero.data();
  double* const sum = lanes_.sum.data();
  for (int i = path.last() - 1; i >= 0; --i) {
    const double weight = path[i].weight;
    const double share = (path.last() - i) / length;
    for (int lane = 0; lane < count; ++lane) sum[lane] += weight / zero[lane] / share;
  }
}

/// A path has each feature once, so the order among its steps does not matter.
void Tree::Shap::add_lanes(const Path& path, int count, double value) {
  for (int i = 0; i < count; ++i) {
    const auto lane = static_cast<std::size_t>(i);
    const Step& step = path[lanes_.step[lane]];
    phi_[static_cast<std::size_t>(step.feature)] +=
        lanes_.sum[lane] * (step.one - step.zero) * value;
  }
}

double Tree::expected_value() const {
  if (nodes_.empty()) return leaf_value_.front();
  double sum = 0;
  for (std::size_t i = 0; i < leaf_value_.size(); ++i) {
    sum += leaf_count_[i] / static_cast<double>(internal_count_.front()) * leaf_value_[i];
  }
  return sum;
}

void Tree::add_shap(std::span<const double> row, std::span<double> phi) const {
  if (!nodes_.empty()) Shap(*this, row, phi).run();
}

}  // namespace ctclip::lightgbm
