#include "search_spaces/nas_bench_201.h"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/space_options.h"

namespace frontier {
namespace {

constexpr int kNodes = 4, kEdges = 6;
constexpr std::array<const char*, 5> kOperations{"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3",
                                                 "avg_pool_3x3"};
enum Operation : std::uint16_t { kNone, kSkip, kConv1x1, kConv3x3 };

/// Calls visit(edge, from, to) for every edge in the order of the notation.
template <class Visit>
void for_each_edge(const Visit& visit) {
  std::size_t edge = 0;
  for (int to = 1; to < kNodes; ++to)
    for (int from = 0; from < to; ++from) visit(edge++, from, to);
}

std::string edge_name(int from, int to) { return "edge" + std::to_string(from) + "-" + std::to_string(to); }

Signal edge(Builder& b, int from, int to, Signal x, std::int64_t channels, std::int64_t partial) {
  const std::string name = edge_name(from, to);
  auto scope = b.scope(name);
  const auto conv = [&b](const char* operation, int kernel) {
    return Branch{operation, [&b, operation, kernel](Signal in) {
                    return b.relu_conv_bn(operation, in, {.out = in.shape.channels, .kernel = kernel});
                  }};
  };
  return b.mix("/" + name, x,
               {{kOperations[kNone], [&](Signal in) { return b.zero(in, channels / partial, 1); }},
                {kOperations[kSkip], [](Signal in) { return in; }},
                conv(kOperations[kConv1x1], 1),
                conv(kOperations[kConv3x3], 3),
                {kOperations[4], [&](Signal in) { return b.average_pool(in, 3, 1); }}},
               {.partial = partial});
}

Signal cell(Builder& b, Signal x, std::int64_t channels, std::int64_t partial) {
  std::vector<Signal> nodes{x};
  for (int to = 1; to < kNodes; ++to) {
    std::vector<Builder::Term> arriving;
    for (int from = 0; from < to; ++from)
      arriving.push_back({std::to_string(from), [&, from, to] {
                            return edge(b, from, to, nodes[static_cast<std::size_t>(from)], channels, partial);
                          }});
    nodes.push_back(b.sum_of("/node" + std::to_string(to), arriving.size(), arriving));
  }
  return nodes.back();
}

Signal reduction(Builder& b, Signal x, std::int64_t channels) {
  Signal y = b.relu_conv_bn("conv_a", x, {.out = channels, .kernel = 3, .stride = 2});
  y = b.relu_conv_bn("conv_b", y, {.out = channels, .kernel = 3});
  return b.add(b.conv("shortcut", b.average_pool(x, 2, 2), {.out = channels}), y);
}

Signal network(Builder& b, const NasBench201Options& options, Signal x, std::int64_t classes) {
  std::int64_t channels = options.channels;
  x = b.conv_bn("stem", x, {.out = channels, .kernel = 3});
  for (int stage = 0; stage < 3; ++stage) {
    auto stage_scope = b.scope("stage" + std::to_string(stage));
    if (stage > 0) {
      channels *= 2;
      auto scope = b.scope("reduction");
      x = reduction(b, x, channels);
    }
    for (int i = 0; i < options.cells; ++i) {
      auto scope = b.scope("cell" + std::to_string(i));
      x = cell(b, x, channels, options.partial);
    }
  }
  x = b.activation(b.batch_norm("last.bn", x), Activation::kReLU);
  return b.linear("classifier", b.global_pool(x), classes);
}

std::string print(std::span<const Decision>, const Architecture& arch) {
  std::string text;
  for_each_edge([&](std::size_t edge, int from, int to) {
    if (from == 0) text += to == 1 ? "|" : "+|";
    text.append(kOperations[arch.choices[edge]]).append("~").append(std::to_string(from)).append("|");
  });
  return text;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Architecture read() {
    Architecture arch;
    for_each_edge([&](std::size_t, int from, int to) {
      if (from == 0) expect(to == 1 ? "|" : "+|");
      arch.choices.push_back(operation());
      expect("~" + std::to_string(from) + "|");
    });
    if (at_ < text_.size()) refuse("the cell ends here");
    return arch;
  }

 private:
  [[noreturn]] void refuse(const std::string& expected) const {
    throw InvalidArchitecture("architecture, character " + std::to_string(at_ + 1) + " ('" +
                              printable(text_.substr(std::min(at_, text_.size())), 30) + "'): " + expected +
                              "; a cell is written |op~0|+|op~0|op~1|+|op~0|op~1|op~2|");
  }
  void expect(const std::string& token) {
    if (text_.substr(at_, token.size()) != token) refuse("'" + token + "' is expected");
    at_ += token.size();
  }
  std::uint16_t operation() {
    const std::string_view name = text_.substr(at_, text_.find('~', at_) - at_);
    const auto it = std::find(kOperations.begin(), kOperations.end(), name);
    if (it == kOperations.end())
      refuse("an operation is expected, one of " +
             join(std::vector<std::string>(kOperations.begin(), kOperations.end())));
    at_ += name.size();
    return static_cast<std::uint16_t>(it - kOperations.begin());
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// Weights of a cell's convolutions in units of channels squared.
int convolution_weights(const Architecture& arch) {
  int weights = 0;
  for (const auto operation : arch.choices) weights += operation == kConv3x3 ? 9 : operation == kConv1x1 ? 1 : 0;
  return weights;
}

/// For every cell, by its choices as digits of base 5, the digits of its canonical form.
class CanonicalCells {
 public:
  const Architecture& of(const Architecture& arch) {
    std::call_once(made_, [&] { make(); });
    return all_[canonical_[number(arch)]];
  }

 private:
  static std::size_t number(const Architecture& arch) {
    std::size_t n = 0;
    for (const auto choice : arch.choices) n = n * kOperations.size() + choice;
    return n;
  }
  void make() {
    std::unordered_map<std::string, std::size_t> best;
    Architecture arch;
    arch.choices.assign(kEdges, 0);
    std::vector<std::string> identities;
    for (bool more = true; more;) {
      identities.push_back(nas_bench_201_identity(arch));
      const auto [it, inserted] = best.try_emplace(identities.back(), all_.size());
      if (!inserted && convolution_weights(arch) < convolution_weights(all_[it->second])) it->second = all_.size();
      all_.push_back(arch);
      more = false;
      for (std::size_t edge = kEdges; edge-- > 0 && !more;) {
        more = ++arch.choices[edge] < kOperations.size();
        if (!more) arch.choices[edge] = 0;
      }
    }
    for (const auto& identity : identities) canonical_.push_back(best.at(identity));
  }

  std::once_flag made_;
  std::vector<Architecture> all_;
  std::vector<std::size_t> canonical_;
};

}  // namespace

std::string nas_bench_201_identity(const Architecture& arch) {
  // NATS-Bench compares texts: terms are sorted as it spells them ('#' before '(' before '0', operations by name), and
  // a skipped sum keeps its order inside the next one. Other spellings would tell nine more classes apart.
  const std::string zero = "#";
  constexpr std::array<char, kOperations.size()> kByName{'-', '-', 'b', 'c', 'a'};
  std::array<std::string, kNodes> nodes{"0"};
  std::vector<std::string> arriving;
  for_each_edge([&](std::size_t edge, int from, int to) {
    const std::string& source = nodes[static_cast<std::size_t>(from)];
    const std::uint16_t operation = arch.choices[edge];
    arriving.push_back(operation == kNone || source == zero ? zero
                       : operation == kSkip                 ? source
                                                            : "(" + source + ")" + kByName[operation]);
    if (from + 1 < to) return;
    std::sort(arriving.begin(), arriving.end());
    nodes[static_cast<std::size_t>(to)] = join(arriving, "+");
    arriving.clear();
  });
  return nodes.back();
}

SearchSpace nas_bench_201(const NasBench201Options& options) {
  if (options.partial < 1 || options.channels % options.partial != 0)
    throw UsageError("space.partial = " + std::to_string(options.partial) + " must divide the " +
                     std::to_string(options.channels) + " channels");
  const auto cells = std::make_shared<CanonicalCells>();
  return SearchSpace(
      space_text("nas_bench_201", write_options(options), write_options(NasBench201Options{})), {3, 32, 32, 10},
      [options](Builder& b, Signal x, std::int64_t classes) { return network(b, options, x, classes); },
      {print, [](std::span<const Decision>, std::string_view text) { return Reader(text).read(); }},
      [cells](std::span<const Decision>, const Architecture& arch) { return cells->of(arch); });
}

}  // namespace frontier
