#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/internal/wording.h"
#include "report/internal/writer.h"
#include "report/page.h"

namespace frontier {

/// What the sections of one page share: the page as far as it is written, the data of its charts, and which networks
/// have letters.
class PageContext {
 public:
  using Json = nlohmann::ordered_json;

  explicit PageContext(const Report& report);

  const Report& report;
  const std::vector<PanelWords> words;  ///< of the panels
  Writer out;
  Json fronts = Json::array(), agreements = Json::array(), regrets = Json::array(), curves = Json::array(),
       comparisons = Json::array();
  Json archs = Json::array();  ///< networks that points of charts name by their place here

  /// Of a chosen network; else empty.
  std::string letter_of(const Result& result) const;
  /// Results of a panel that have one, with it.
  std::vector<std::pair<const Result*, std::string>> lettered(const Panel& panel) const;
  static std::string letter_link(const std::string& letter);
  /// What the same network measured in other panels, in words; of one that is on a front.
  std::vector<std::string> measured_elsewhere(const Result& result, std::size_t own_panel) const;
  /// The network's place in `archs`.
  std::size_t arch(const Result& result);
  /// How the panel is called where its space must be said, too.
  std::string heading_of(std::size_t panel) const;

 private:
  using Network = std::pair<std::string_view, std::string_view>;  ///< canonical, built for
  static Network network(const Result& result) {
    return {result.architecture.canonical, result.architecture.built_for};
  }
  std::map<Network, std::pair<std::string_view, std::string>> letters_;             ///< space, letter
  std::map<Network, std::vector<std::pair<std::size_t, const Result*>>> measured_;  ///< front members: panel, result
  std::map<Network, std::size_t> places_;                                           ///< in archs
};

/// Rounded to what a chart shows, so that the page stays small.
double rounded(double value);

/// One of a <ul class="commands">, with a button that copies it.
void add_command(Writer& out, const Command& command, const std::string& id);

/// A panel's first objective against another one of them. @param is_folded fewer points are drawn.
void add_front_chart(PageContext& page, std::size_t panel, std::size_t across, bool is_folded);

// Each adds one section to the page, or nothing where there is nothing to say.
void add_runs(PageContext& page);
void add_comparisons(PageContext& page);
void add_fronts(PageContext& page);
void add_agreements(PageContext& page);
void add_regrets(PageContext& page);
void add_curves(PageContext& page);
void add_networks(PageContext& page);
void add_settings(PageContext& page);

}  // namespace frontier
