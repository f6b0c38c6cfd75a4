#include "exports/pytorch.h"

#include <torch/types.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "common/text.h"
#include "exports/layer_writer.h"
#include "search_spaces/graph_json.h"
#include "supernet/safetensors.h"

namespace frontier {
namespace {

using Vertex = NetworkGraph::Vertex;

constexpr std::size_t kLongestInlined = 75;

/// What a layer cannot be called: words of Python, and what modules have already.
const std::set<std::string>& reserved_names() {
  static const auto names = [] {
    const auto all = split(
        "None True False and as assert async await break class continue def del elif else except finally for from "
        "global if import in is lambda nonlocal not or pass raise return try while with yield "
        "T add_module apply bfloat16 buffers call call_super_init children compile cpu cuda double dump_patches eval "
        "extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict "
        "modules mtia named_buffers named_children named_modules named_parameters parameters register_buffer "
        "register_module register_parameter requires_grad_ set_extra_state set_submodule share_memory state_dict to "
        "to_empty train training type xpu zero_grad",
        ' ');
    return std::set<std::string>(all.begin(), all.end());
  }();
  return names;
}

/// Names of modules by layer: dots become underscores.
std::vector<std::string> attribute_names(const NetworkGraph& graph) {
  std::set<std::string> taken = reserved_names();
  std::vector<std::string> names;
  for (Vertex v = 0; v < graph.size(); ++v) {
    std::string name;
    for (const char c : graph[v].name) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0 || name[0] == '_') name = "layer" + name;
    const std::string plain = name;
    for (int i = 2; !taken.insert(name).second; ++i) name = plain + "_" + std::to_string(i);
    names.push_back(name);
  }
  return names;
}

/// Whether it can stand before ".mean()" as it is.
bool is_atom(std::string_view expression) {
  int depth = 0;
  for (const char c : expression) {
    depth += c == '(' || c == '[' ? 1 : c == ')' || c == ']' ? -1 : 0;
    if (depth == 0 && c == ' ') return false;
  }
  return true;
}

/// Text between quotes of a docstring or a literal.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// A line of the program's first lines; what is in it cannot end them.
std::string plain(const std::string& text) {
  std::string result;
  for (const char c : printable(text, 2000)) result += c == '\\' || c == '"' ? '\'' : c;
  return result;
}

/// Writes __init__ and forward line by line.
class NetWriter {
 public:
  NetWriter(const NetworkGraph& graph, const ModelInfo& info)
      : graph_(graph),
        info_(info),
        names_(attribute_names(graph)),
        blocks_(block_names(graph)),
        texts_(graph.size()),
        uses_(graph.size()),
        readers_(graph.size()),
        flat_(graph.size()) {
    for (Vertex v = 0; v < graph.size(); ++v) readers_[v] = graph.num_consumers(v);
    ++readers_[graph.output()];
    for (Vertex v = 0; v < graph.size(); ++v) add(v);
    const std::string& output = texts_[graph.output()];
    const Shape& shape = graph[graph.output()].output;
    const bool flattens = !flat_[graph.output()] && shape.height.value() == 1 && shape.width.value() == 1;
    forward_ += "        return " + output + (flattens ? ".flatten(1)" : "") + "\n";
  }

  const std::string& init() const { return init_; }
  const std::string& forward() const { return forward_; }
  const std::vector<std::string_view>& helpers() const { return helpers_; }
  const std::string& name(Vertex v) const { return names_[v]; }

 private:
  void add(Vertex v) {
    const auto inputs = graph_.inputs(v);
    const auto shapes = graph_.input_shapes(v);
    PythonCall call{graph_[v], info_, shapes, {}};
    for (const Vertex input : inputs) call.is_flat.push_back(flat_[input]);
    const PythonLayer layer = layer_writer(*graph_[v].kind).pytorch(call);
    flat_[v] = layer.flat;
    for (const std::string_view helper : layer.helpers)
      if (std::find(helpers_.begin(), helpers_.end(), helper) == helpers_.end()) helpers_.push_back(helper);
    if (!layer.module.empty()) add_module(v, layer.module);
    texts_[v] = expression(v, layer.call, inputs);
    for (const Vertex input : inputs) uses_[v].insert(uses_[v].end(), uses_[input].begin(), uses_[input].end());
    if (texts_[v] == "x") return hold(v, "x");  // the input as it is
    if (!is_inlined(v)) assign(v);
  }

  void add_module(Vertex v, const std::string& module) {
    comment(init_, init_block_, v);
    init_ += "        self." + names_[v] + " = " + module + "\n";
  }

  /// Where a block begins.
  void comment(std::string& lines, std::string& current, Vertex v) const {
    if (current == blocks_[v]) return;
    if (!lines.empty()) lines += "\n";
    if (!blocks_[v].empty()) lines += "        # " + plain(blocks_[v]) + "\n";
    current = blocks_[v];
  }

  std::string expression(Vertex v, const std::string& call, const std::vector<Vertex>& inputs) const {
    std::string text;
    for (std::size_t at = 0; at < call.size();) {
      const std::size_t open = call.find('{', at), close = call.find('}', open);
      text += call.substr(at, open - at);
      if (open == std::string::npos) break;
      const std::string place = call.substr(open + 1, close - open - 1);
      if (place == "self") {
        text += "self." + names_[v];
      } else {
        text += place == "images" ? "x" : texts_[inputs[std::stoul(place)]];
      }
      at = close + 1;
    }
    return text;
  }

  /// Whether the layer is written within the line of the next: its norm, or a function of it alone.
  bool is_inlined(Vertex v) const {
    if (readers_[v] != 1 || v + 1 >= graph_.size() || !is_atom(texts_[v]) || texts_[v].size() > kLongestInlined)
      return false;
    const auto inputs = graph_.inputs(v + 1);
    const Layer& next = graph_[v + 1];
    return inputs == std::vector<Vertex>{v} && (next.is("activation") || next.name.starts_with(graph_[v].name + "."));
  }

  /// Writes a line that gives the layer's value to a variable: that of an input that nobody reads any more, or a new
  /// one.
  void assign(Vertex v) {
    comment(forward_, forward_block_, v);
    std::string variable;
    for (const Vertex source : uses_[v]) {
      if (--readers_[source] > 0) continue;
      if (variable.empty()) variable = texts_[source];
      used_.erase(texts_[source]);
    }
    if (variable.empty()) variable = free_variable();
    forward_ += "        " + variable + " = " + texts_[v] + "\n";
    hold(v, variable);
  }

  void hold(Vertex v, const std::string& variable) {
    texts_[v] = variable;
    uses_[v] = {v};
    used_.insert(variable);
  }

  std::string free_variable() const {
    for (const char* name : {"x", "y", "z", "u", "v", "w"})
      if (!used_.contains(name)) return name;
    for (int i = 1;; ++i)
      if (const std::string name = "y" + std::to_string(i); !used_.contains(name)) return name;
  }

  const NetworkGraph& graph_;
  const ModelInfo& info_;
  std::vector<std::string> names_;
  std::vector<std::string> blocks_;
  std::vector<std::string> texts_;         ///< by vertex: a variable, or what is written in the line of its reader
  std::vector<std::vector<Vertex>> uses_;  ///< by vertex: the values in variables that its text reads
  std::vector<std::size_t> readers_;       ///< of each value, to come
  std::vector<bool> flat_;                 ///< by vertex: [N, C]
  std::set<std::string> used_;             ///< variables whose values are still read
  std::vector<std::string_view> helpers_;
  std::string init_, forward_, init_block_ = "?", forward_block_ = "?";
};

std::string describe_input(const Model& model) {
  const Shape& shape = model.network.graph()[0].output;
  const std::string size = "[N, " + std::to_string(shape.channels.value()) + ", " +
                           std::to_string(shape.height.value()) + ", " + std::to_string(shape.width.value()) + "]";
  const ModelInfo& info = model.info;
  if (info.input == kBytes) return "pixels from 0 to 255, " + size;
  if (info.mean.empty()) return "float32, " + size;
  return "(pixel / 255 - mean) / stddev, " + size + ", with mean " + python_list(info.mean) + " and stddev " +
         python_list(info.stddev);
}

std::string first_lines(const Model& model) {
  const ModelInfo& info = model.info;
  std::string text = "\"\"\"" + plain(info.arch) + "\n\nA network of the search space " + plain(info.space) + ": " +
                     std::to_string(info.macs) + " multiply-accumulates an image, " + std::to_string(info.params) +
                     " parameters.\nInput: " + describe_input(model) + ".\n";
  if (!info.dataset.empty()) text += "Trained on " + plain(info.dataset) + ".\n";
  return text + "Written by " + plain(info.program) +
         ". The weights are in the .safetensors file of the same name; run as a program, this file checks itself.\n"
         "\"\"\"\n"
         "import json\n"
         "import pathlib\n"
         "import sys\n\n"
         "import torch\n"
         "import torch.nn.functional as F\n"
         "from torch import nn\n\n";
}

constexpr std::string_view kLastLines = R"(

def read_safetensors(path):
    """Tensors by name."""
    data = pathlib.Path(path).read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    types = {"F32": torch.float32, "U8": torch.uint8}
    tensors = {}
    for name, entry in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            values = torch.frombuffer(bytearray(data[begin + first:begin + last]), dtype=types[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"])
    return tensors


def load(path=WEIGHTS):
    """The network with its weights, ready for use; an input, and what the network made of it where it was written."""
    tensors = read_safetensors(path)
    reference = tensors.pop("reference.input"), tensors.pop("reference.output")
    net = Net()
    net.load_state_dict(tensors)
    return net.eval(), *reference


def check():
    net, images, expected = load()
    with torch.inference_mode():
        difference = (net(images) - expected).abs().max().item()
    allowed = 1e-5 * max(1, expected.abs().max().item())
    print(f"largest difference from the reference output {difference:.3g}, allowed {allowed:.3g}")
    return 0 if difference <= allowed else 1


if __name__ == "__main__":
    sys.exit(check())
)";

std::string code_of(const Model& model, const NetWriter& net) {
  std::string text = first_lines(model) + "WEIGHTS = pathlib.Path(__file__).with_suffix(\".safetensors\")\n";
  if (!model.info.classes.empty()) {
    std::vector<std::string> names;
    for (const auto& name : model.info.classes) names.push_back(quoted(name));
    text += "CLASSES = [" + join(names) + "]\n";
  }
  for (const std::string_view helper : net.helpers()) text += "\n\n" + std::string(helper) + "\n";
  return text + "\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n" + net.init() +
         "\n    def forward(self, x):\n" + net.forward() + std::string(kLastLines);
}

/// The names of the tensors in Net.state_dict() by ours.
std::map<std::string, std::string> state_names(const Model& model, const NetWriter& net) {
  const NetworkGraph& graph = model.network.graph();
  std::map<std::string, std::string> names;
  for (Vertex v = 0; v < graph.size(); ++v) {
    const auto add = [&](const std::string& ours, const std::string& theirs) {
      names.emplace(graph[v].name + "." + ours, net.name(v) + "." + theirs);
    };
    for (const ParameterSpec& spec : parameters_of(graph, v)) add(spec.name, spec.name);
    if (!graph[v].is("batch_norm")) continue;
    add("mean", "running_mean");
    add("variance", "running_var");
  }
  return names;
}

}  // namespace

PytorchFiles to_pytorch(const Model& model) {
  const NetWriter net(model.network.graph(), model.info);
  StoredModel parts = stored(model);
  const auto names = state_names(model, net);
  TensorMap tensors;
  for (const auto& [name, tensor] : parts.tensors) {
    const auto renamed = names.find(name);
    tensors.emplace(renamed == names.end() ? name : renamed->second, tensor);
  }
  parts.texts.emplace("names", nlohmann::json(names).dump());
  return {code_of(model, net), to_safetensors(tensors, parts.texts)};
}

}  // namespace frontier
