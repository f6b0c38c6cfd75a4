#include "apps/completion_scripts.h"

#include "common/errors.h"
#include "common/shell.h"
#include "common/text.h"

namespace frontier {
namespace {

std::string words_of_options(const CompletedCommand& command) {
  std::string words;
  for (const auto& option : command.options) words += (words.empty() ? "" : " ") + join(option.names, " ");
  return words;
}

/// A shell's text for what one may write; bash and zsh differ in it alone.
using Offer = std::string (*)(const Values& values);

/// The branches of a shell's `case` over commands: of each its options with values, then the rest.
std::string branches(const std::vector<CompletedCommand>& commands, Offer offer) {
  std::string text;
  for (const auto& command : commands) {
    text += "    " + command.name + ")\n      case \"$before\" in\n";
    for (const auto& option : command.options)
      if (option.values.any)
        text += "        " + join(option.names, "|") + ") " + offer(option.values) + "; return ;;\n";
    text += "      esac\n      if [[ \"$current\" == -* ]]; then\n        " +
            offer({.words = split(words_of_options(command), ' ')}) + "\n      else\n        " + offer(command.places) +
            "\n      fi ;;\n";
  }
  return text;
}

std::vector<std::string> command_words(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> words;
  for (const auto& command : commands) words.push_back(command.name);
  words.insert(words.end(), {"--help", "--version"});
  return words;
}

std::string bash_offer(const Values& values) {
  const std::string words = values.words.empty() ? "" : " -W " + shell_quoted(join(values.words, " "));
  if (words.empty() && !values.files) return ":";
  return "COMPREPLY=($(compgen" + words + (values.files ? " -f" : "") + " -- \"$current\"))";
}

std::string bash(const std::vector<CompletedCommand>& commands) {
  return "# bash completion of frontier: source <(frontier completion bash)\n"
         "_frontier() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" command= word\n"
         "  # bash takes --space=x for three words\n"
         "  if [[ \"$current\" == = ]]; then current=; elif [[ \"$before\" == = ]]; then\n"
         "    before=\"${COMP_WORDS[COMP_CWORD-2]}\"\n"
         "  fi\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    if [[ \"$word\" != -* ]]; then command=\"$word\"; break; fi\n"
         "  done\n"
         "  COMPREPLY=()\n"
         "  case \"$command\" in\n"
         "    '') " +
         bash_offer({.words = command_words(commands)}) + " ;;\n" + branches(commands, bash_offer) +
         "  esac\n"
         "}\n"
         "complete -o filenames -F _frontier frontier\n";
}

std::string zsh_offer(const Values& values) {
  std::string text;
  if (!values.words.empty()) {
    text = "compadd --";
    for (const std::string& word : values.words) text += " " + shell_quoted(word);
  }
  if (values.files) text += (text.empty() ? "" : "; ") + std::string("_files");
  return text.empty() ? ":" : text;
}

std::string zsh(const std::vector<CompletedCommand>& commands) {
  return "#compdef frontier\n"
         "# zsh completion of frontier: source <(frontier completion zsh), after compinit\n"
         "_frontier() {\n"
         "  local current=\"${words[CURRENT]}\" before=\"${words[CURRENT-1]}\" command= word\n"
         "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
         "    if [[ \"$word\" != -* ]]; then command=\"$word\"; break; fi\n"
         "  done\n"
         "  if [[ \"$current\" == --*=* ]]; then\n"
         "    before=\"${current%%=*}\"; compset -P '*='; current=\"${words[CURRENT]}\"\n"
         "  fi\n"
         "  case \"$command\" in\n"
         "    '') " +
         zsh_offer({.words = command_words(commands)}) + " ;;\n" + branches(commands, zsh_offer) +
         "  esac\n"
         "}\n"
         "compdef _frontier frontier\n";
}

std::string fish(const std::vector<CompletedCommand>& commands) {
  std::string text =
      "# fish completion of frontier: frontier completion fish | source\n"
      "complete -c frontier -f\n";
  for (const auto& command : commands) {
    text += "complete -c frontier -n __fish_use_subcommand -a " + command.name + " -d " +
            shell_quoted(command.summary) + "\n";
    const std::string line = "complete -c frontier -n '__fish_seen_subcommand_from " + command.name + "'";
    const auto offered = [](const Values& values) {
      return (values.words.empty() ? "" : " -a " + shell_quoted(join(values.words, " "))) + (values.files ? " -F" : "");
    };
    for (const auto& option : command.options) {
      std::string names;
      for (const std::string& name : option.names)
        names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      text += line + names + (option.values.any ? (option.values.files ? " -r" : " -x") + offered(option.values) : "") +
              " -d " + shell_quoted(option.summary) + "\n";
    }
    if (!offered(command.places).empty()) text += line + offered(command.places) + "\n";
  }
  return text;
}

}  // namespace

const std::vector<std::string>& known_shells() {
  static const std::vector<std::string> shells{"bash", "zsh", "fish"};
  return shells;
}

std::string completion_script(const std::string& shell, const std::vector<CompletedCommand>& commands) {
  if (shell == "bash") return bash(commands);
  if (shell == "zsh") return zsh(commands);
  if (shell == "fish") return fish(commands);
  throw UsageError(unknown_name("shell", shell, known_shells()));
}

}  // namespace frontier
