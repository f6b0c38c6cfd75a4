#include "jobs/torch/data.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/text.h"
#include "datasets/dataset.h"
#include "jobs/torch/prepare.h"
#include "jobs/torch/register.h"

namespace frontier {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMostSamples = 360, kMostSamplesAClass = 12;
constexpr std::int64_t kSampleSide = 96, kLosslessSide = 32;  // pixels
constexpr int kQuality = 80;

/// Places of the images of every class.
std::vector<std::vector<std::int64_t>> places_by_class(const Dataset& dataset) {
  std::vector<std::vector<std::int64_t>> places(static_cast<std::size_t>(dataset.classes));
  const auto* label = dataset.labels.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < dataset.size(); ++i) places[static_cast<std::size_t>(label[i])].push_back(i);
  return places;
}

std::string shape_text(std::int64_t channels, std::int64_t height, std::int64_t width) {
  return std::to_string(channels) + "x" + std::to_string(height) + "x" + std::to_string(width);
}

Json class_counts(const DataSplits& data) {
  Json results = Json::array();
  const auto train = places_by_class(data.train), search = places_by_class(data.search),
             test = places_by_class(data.test);
  for (std::size_t c = 0; c < train.size(); ++c)
    results.push_back({{"class", data.train.class_names[c]},
                       {"train", train[c].size()},
                       {"search", search[c].size()},
                       {"test", test[c].size()}});
  return results;
}

/// Width and height, as people say them.
std::string size_text(const PictureInfo& info) {
  return std::to_string(info.width) + "x" + std::to_string(info.height);
}

Json picture_facts(std::vector<PictureInfo> pictures) {
  const auto count = [&](bool PictureInfo::*what) {
    return std::count_if(pictures.begin(), pictures.end(), [&](const PictureInfo& info) { return info.*what; });
  };
  Json facts = {{"read", pictures.size()},
                {"grey", count(&PictureInfo::grey)},
                {"transparent", count(&PictureInfo::transparent)},
                {"turned", count(&PictureInfo::turned)}};
  std::set<std::pair<std::int64_t, std::int64_t>> sizes;
  for (const PictureInfo& info : pictures) sizes.emplace(info.height, info.width);
  const auto area = [](const PictureInfo& info) { return info.height * info.width; };
  std::sort(pictures.begin(), pictures.end(), [&](const auto& a, const auto& b) { return area(a) < area(b); });
  facts["sizes"] = sizes.size();
  facts["smallest"] = size_text(pictures.front());
  facts["median"] = size_text(pictures[pictures.size() / 2]);
  facts["largest"] = size_text(pictures.back());
  return facts;
}

/// An image as the address of a picture file.
std::string address_of(ByteImage image) {
  const std::int64_t longest = std::max(image.height, image.width);
  if (longest > kSampleSide)
    image = resized(image, std::max<std::int64_t>(1, image.height * kSampleSide / longest),
                    std::max<std::int64_t>(1, image.width * kSampleSide / longest));
  if (longest <= kLosslessSide) return "data:image/png;base64," + base64(encode_png(image));
  return "data:image/jpeg;base64," + base64(encode_jpeg(image, kQuality));
}

/// Some training images of every class, spread over all of it: an array a class.
Json samples_of(const Dataset& dataset) {
  Json samples = Json::array();
  const std::int64_t each = std::clamp<std::int64_t>(kMostSamples / dataset.classes, 1, kMostSamplesAClass);
  for (const auto& places : places_by_class(dataset)) {
    if (std::ssize(samples) == kMostSamples) break;
    Json& row = samples.emplace_back(Json::array());
    const std::int64_t count = std::min(each, std::ssize(places));
    for (std::int64_t i = 0; i < count; ++i)
      row.push_back(address_of(dataset.image(places[static_cast<std::size_t>(i * std::ssize(places) / count)])));
  }
  return samples;
}

Json describe_data(const DataSplits& data, bool pictures) {
  const Dataset& train = data.train;
  Json document = {{"name", train.name},
                   {"form", data.facts.form},
                   {"path", data.options.path},
                   {"input", shape_text(train.channels(), train.height(), train.width())},
                   {"classes", train.classes},
                   {"images", {{"train", train.size()}, {"search", data.search.size()}, {"test", data.test.size()}}},
                   {"mean", train.mean},
                   {"stddev", train.stddev}};
  if (!data.facts.pictures.empty()) {
    document["pictures"] = picture_facts(data.facts.pictures);
    document["settings"] = write_options(data.options.picture);
    document["kept"] = data.facts.kept;
  }
  document["fingerprints"] = {{"search", data.search.fingerprint()}, {"test", data.test.fingerprint()}};
  document["broken"] = Json::array();
  for (const auto& [file, why] : data.facts.broken) document["broken"].push_back({{"file", file}, {"why", why}});
  document["notes"] = data.facts.notes;
  document["results"] = class_counts(data);
  if (pictures) document["samples"] = samples_of(train);
  return document;
}

}  // namespace

nlohmann::ordered_json data(const nlohmann::json& json, Observer&) {
  DataSettings settings;
  read_options(json, "data", settings);
  use_device(settings);
  DataOptions options;
  read_options(settings.data, "data", options);
  return without_backtrace([&] { return describe_data(load_data(options), settings.pictures); });
}

}  // namespace frontier
