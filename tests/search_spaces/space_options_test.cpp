#include "search_spaces/space_options.h"

#include <gtest/gtest.h>

#include "common/errors.h"
#include "search_spaces/registry.h"
#include "support/messages.h"

namespace frontier {
namespace {

std::string name_of(const char* text) { return make_space(text)->name(); }

TEST(SpaceOptions, ANameSaysWhatDiffersFromTheDefaults) {
  EXPECT_EQ(name_of(R"({"name": "darts"})"), "darts");
  EXPECT_EQ(name_of(R"({"name": "darts", "cells": 20, "auxiliary_weight": 0.4, "search": false})"), "darts");
  EXPECT_EQ(name_of(R"({"name": "darts", "auxiliary_weight": 0.25, "cells": 8})"),
            "darts(auxiliary_weight=0.25,cells=8)");
  EXPECT_EQ(name_of("darts(search=true)"), "darts(cells=8,channels=16,search=true)");
  EXPECT_EQ(name_of(R"({"name": "darts", "search": true, "cells": 20, "channels": 36})"),
            "darts(cells=20,channels=36,search=true)");
  EXPECT_EQ(name_of(" darts( partial = 4, search = true ) "), "darts(cells=8,channels=16,partial=4,search=true)");
  EXPECT_EQ(name_of(R"({"name": "darts_imagenet", "cells": 14, "channels": 8})"), "darts_imagenet(channels=8)");
  EXPECT_EQ(name_of(R"({"name": "resnet_shape_20", "norms": "shared"})"), "resnet_shape_20");
  EXPECT_EQ(name_of(R"({"name": "resnet_shape_20", "norms": "per_width"})"), "resnet_shape_20(norms=per_width)");
}

TEST(SpaceOptions, ANameMakesTheSameSpaceAgain) {
  for (const char* text : {"darts(search=true)", "darts(cells=20,channels=36,search=true)",
                           "darts(channels=48,partial=4,search=true)", "darts(auxiliary_weight=0.1,cells=5)",
                           "darts_imagenet(search=true)", "resnet_shape_imagenet_18(norms=per_width)"}) {
    const auto space = make_space(text), again = make_space(space->name());
    EXPECT_EQ(again->name(), space->name());
    EXPECT_EQ(std::vector(again->decisions().begin(), again->decisions().end()),
              std::vector(space->decisions().begin(), space->decisions().end()));
    Rng rng(1);
    const Architecture arch = space->random(rng);
    EXPECT_EQ(again->cost_table(again->default_input()).params(arch),
              space->cost_table(space->default_input()).params(arch));
  }
}

TEST(SpaceOptions, RefusesWhatThereIsNot) {
  const auto refused = [](const char* text, const char* message) {
    EXPECT_THROWS_WITH(make_space(text), UsageError, message);
  };
  refused("darts(cell=3)", "unknown space setting 'cell'; did you mean 'cells'?");
  refused("darts(cell=3)", "cells, nodes, operations, channels, auxiliary_weight, search, partial");
  refused("darts(cells=0)", "space.cells = 0 is out of range; allowed: 1 to 1000");
  refused("darts(cells=true)", "space.cells must be a whole number");
  refused("darts(channels=7)", "an even number of channels, not 20 and 7");
  refused("darts(partial=4)", "space.partial = 4 is of the network that is searched; set search to true");
  refused("darts(channels=12,partial=4,search=true)", "space.partial = 4 must divide half of the 12 channels");
  refused("darts(auxiliary_weight=0.4,search=true)", "space.auxiliary_weight has no effect");
  refused("mobile_cnn(cells=3)", "space.cells: 'mobile_cnn' has no options");
  refused("resnet_shape_20(norms=own)", "space.norms: unknown value 'own'");
  refused("dart(cells=3)", "unknown search space 'dart'; did you mean 'darts'?");
  refused("darts(cells=3", "write a name, a name with options as in darts(cells=8,search=true), or a JSON object");
  for (const char* text :
       {"(cells=3)", "darts(cells)", "darts(=3)", "darts(cells=)", "darts(cells=3,cells=4)", "darts(,)", "darts()"})
    refused(text, "write a name, a name with options");
  refused("{", "space is not valid JSON");
  refused(R"({"cells": 3})", "space must have a name");
  refused(R"({"name": 3})", "space must have a name");
  refused(std::string(1001, 'x').c_str(), "longer than 1000 characters");
}

TEST(SpaceOptions, ASettingIsATextOrAnObject) {
  EXPECT_EQ(space_name("no_such_space"), "no_such_space");
  EXPECT_EQ(space_name("another program's (second version)"), "another program's (second version)");
  EXPECT_EQ(space_name("darts(search=true)"), "darts(cells=8,channels=16,search=true)");
  EXPECT_EQ(space_name({{"name", "darts"}, {"cells", 3}}), "darts(cells=3)");
  EXPECT_THROWS_WITH(space_name(3), UsageError, "setting 'space' must be a name or an object with a name, not 3");
}

}  // namespace
}  // namespace frontier
