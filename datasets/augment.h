#pragma once

#include <cstdint>

namespace frontier {

/// Each strength s draws a factor uniformly from [max(0, 1 - s), 1 + s]; the four come in random order. As in
/// torchvision's ColorJitter; 0.4 for the first three and no hue is usual.
struct ColorJitterOptions {
  double brightness = 0;  ///< factor of every pixel
  double contrast = 0;    ///< factor of the distance from the mean grey
  double saturation = 0;  ///< factor of the distance from the pixel's own grey
  double hue = 0;         ///< largest turn of the colour circle, either way; a half turn gives the opposite colour
};

template <class Fields>
void describe(Fields& f, ColorJitterOptions& o) {
  f("brightness", o.brightness, 0.0, 10.0, "Strength s of the change of brightness, a factor of 1 - s to 1 + s.");
  f("contrast", o.contrast, 0.0, 10.0, "Strength of the change of contrast, likewise.");
  f("saturation", o.saturation, 0.0, 10.0, "Strength of the change of saturation, likewise.");
  f("hue", o.hue, 0.0, 0.5, "Largest turn of the colour circle, either way; 0.5 gives the opposite colour.");
}

/// Cubuk, Zoph, Shlens, Le, "RandAugment: Practical automated data augmentation with a reduced search space",
/// arXiv 1909.13719: N operations out of 14, drawn uniformly, all of one magnitude M.
/// Differs from the paper: every operation grows with M (in the authors' code posterize and solarize weaken), and fewer
/// than one bit or a negative factor stop at one bit and 0. Grey images leave out "color", which cannot act on them.
struct RandAugmentOptions {
  int operations = 0;  ///< N; 0: none. Paper: 3 for CIFAR-10, 2 for ImageNet
  int magnitude = 9;   ///< M; 10 is AutoAugment's strongest. Paper: 4 or 5 for CIFAR-10, 9 for ResNet-50 on ImageNet
  int fill = 128;      ///< what rotations, shears and translations show beside the image, of 255; the authors' grey
};

template <class Fields>
void describe(Fields& f, RandAugmentOptions& o) {
  f("operations", o.operations, 0, 16, "Operations of RandAugment an image; 0: none.");
  f("magnitude", o.magnitude, 0, 30, "How strong the operations of RandAugment are, of 30.");
  f("fill", o.fill, 0, 255, "Grey level that rotations, shears and translations show beside the image.");
}

/// Zhong, Zheng, Kang, Li, Yang, "Random Erasing Data Augmentation", arXiv 1708.04896, algorithm 1, the variant with
/// random values (RE-R).
/// Differs from the paper: as in the authors' code a rectangle too long for the image is drawn anew 100 times at most,
/// and its place is uniform among those where it fits.
struct RandomErasingOptions {
  double probability = 0;  ///< that an image is erased; paper: 0.5
  double smallest = 0.02;  ///< share of the image's area
  double largest = 0.4;    ///< likewise
  double aspect = 0.3;     ///< height to width is drawn from [aspect, 1 / aspect]
};

template <class Fields>
void describe(Fields& f, RandomErasingOptions& o) {
  f("probability", o.probability, 0.0, 1.0, "That a rectangle of an image is erased; 0.5 in the paper.");
  f("smallest", o.smallest, 0.0, 1.0, "Least share of the image's area.");
  f("largest", o.largest, 0.0, 1.0, "Largest share of the image's area.");
  f("aspect", o.aspect, 0.01, 1.0, "Height to width of the rectangle is drawn from this to its inverse.");
}

/// A rectangle of each image, drawn anew whenever it is shown, resized to what networks see: bilinear, averaging where
/// it shrinks. Szegedy et al., "Going Deeper with Convolutions", arXiv 1409.4842, section 6, as torchvision's
/// RandomResizedCrop draws it: area uniform, logarithm of the aspect uniform, the middle after ten rectangles that do
/// not fit. Takes the place of the crop, `loader.pad` included.
/// Differs from the paper: the rectangle is cut from the picture as it is kept (data.resize), not as it lies in its
/// file.
struct RandomResizedCropOptions {
  double smallest = 1;      ///< share of the image's area; 1: off. Paper: 0.08
  double aspect = 3.0 / 4;  ///< width to height is drawn from [aspect, 1 / aspect]
};

template <class Fields>
void describe(Fields& f, RandomResizedCropOptions& o) {
  f("smallest", o.smallest, 0.01, 1.0, "Least share of the image's area that is shown, resized; 1: off.");
  f("aspect", o.aspect, 0.1, 1.0, "Width to height is drawn from this to its inverse.");
}

/// What happens to training images besides `loader.pad` and `loader.flip`, which come first: in the order of the
/// fields, on 8-bit images; mixup and cutmix last, on the normalised batch. Everything is off by default.
struct AugmentOptions {
  RandomResizedCropOptions random_resized_crop{};
  ColorJitterOptions color_jitter{};
  RandAugmentOptions rand_augment{};
  RandomErasingOptions random_erasing{};
  /// Side in pixels of a square, centred anywhere, that is set to the data set's mean colour; 0: none. DeVries, Taylor,
  /// "Improved Regularization of Convolutional Neural Networks with Cutout", arXiv 1708.04552: 16 for CIFAR-10, 8 for
  /// CIFAR-100. Differs from the paper: the colour is the byte next to the mean, so 0 after normalising to within half
  /// a grey level.
  int cutout = 0;
  /// alpha of Beta(alpha, alpha), from which the share of the first image of a pair is drawn; 0: none. Zhang, Cisse,
  /// Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412: 1 for CIFAR, 0.2 for ImageNet.
  double mixup = 0;
  /// alpha of the share that is not pasted over; 0: none. Yun et al., "CutMix: Regularization Strategy to Train Strong
  /// Classifiers with Localizable Features", arXiv 1905.04899: 1.
  double cutmix = 0;
  double mix_probability = 1;  ///< that a batch is mixed at all; CutMix's authors take 0.5 for CIFAR
  double cutmix_share = 0.5;   ///< of the mixed batches, where both are on: cutmix; the others get mixup
};

template <class Fields>
void describe(Fields& f, AugmentOptions& o) {
  f("random_resized_crop", o.random_resized_crop);
  f("color_jitter", o.color_jitter);
  f("rand_augment", o.rand_augment);
  f("random_erasing", o.random_erasing);
  f("cutout", o.cutout, 0, 4096, "Side in pixels of a square that is set to the mean colour; 0: none.");
  f("mixup", o.mixup, 0.0, 100.0,
    "alpha of the Beta distribution from which the share of two mixed images is drawn; 0: none.");
  f("cutmix", o.cutmix, 0.0, 100.0, "alpha of the share that is not pasted over; 0: none.");
  f("mix_probability", o.mix_probability, 0.0, 1.0, "That a batch is mixed at all.");
  f("cutmix_share", o.cutmix_share, 0.0, 1.0,
    "Share of the mixed batches that get cutmix where both are on; the others get mixup.");
}

}  // namespace frontier
