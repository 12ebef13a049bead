/* settings.c - the table of all options, in the order in which the help lists them. */
#include "cli/settings.h"

#define FIELD(name) offsetof(cvt_settings, name)
#define CHOICES(...) ((const char *const[]){__VA_ARGS__, NULL})

enum {
    WITH_LIST = CVT_CMD_CLASSIFY | CVT_CMD_EMBED, /* of images */
    WITH_IMAGES = WITH_LIST | CVT_CMD_PREPROCESS | CVT_CMD_ATTEND,
    WITH_SIZE = WITH_IMAGES | CVT_CMD_SUMMARY | CVT_CMD_CHECK | CVT_CMD_BENCH,
    WITH_MODEL = WITH_SIZE | CVT_CMD_RUN,
    WITH_CONFIG = WITH_MODEL | CVT_CMD_CONVERT | CVT_CMD_INIT,
    WITH_THREADS = WITH_LIST | CVT_CMD_RUN | CVT_CMD_ATTEND | CVT_CMD_BENCH,
    WITH_BATCH = WITH_LIST | CVT_CMD_BENCH,
    MOST_IMAGES = 1000000,
};

/* clang-format off */
const cvt_option cvt_settings_rows[] = {
    /* the model */
    {.commands = WITH_MODEL, .letter = 'm', .name = "model", .kind = CVT_OPT_MODEL, .target = FIELD(model),
     .argument = "MODEL", .help = "model directory, .safetensors file, or name on the search path"},
    {.commands = WITH_CONFIG & ~(unsigned)CVT_CMD_INIT, .letter = 'c', .name = "config", .kind = CVT_OPT_FILE,
     .target = FIELD(config), .argument = "CONFIG", .help = "config to use instead of the one that the model carries"},
    {.commands = CVT_CMD_INIT, .required = CVT_CMD_INIT, .letter = 'c', .name = "config", .kind = CVT_OPT_FILE,
     .target = FIELD(config), .argument = "CONFIG", .help = "config of the model"},
    {.commands = CVT_CMD_CLASSIFY | CVT_CMD_CONVERT | CVT_CMD_INIT, .name = "labels", .kind = CVT_OPT_FILE,
     .target = FIELD(labels), .argument = "FILE", .help = "names of the classes, a line each"},
    {.commands = WITH_SIZE, .name = "size", .kind = CVT_OPT_SIZE, .target = FIELD(size), .argument = "H[xW]",
     .help = "build the model for this input size"},

    {.commands = WITH_THREADS, .name = "precision", .kind = CVT_OPT_CHOICE, .target = FIELD(precision), .argument = "P",
     .choices = CHOICES("f32", "f16", "int8"),
     .help = "arithmetic of the products with weights; int8 if the weights are, else f32"},

    /* what goes in */
    {.commands = CVT_CMD_RUN, .required = CVT_CMD_RUN, .letter = 'i', .name = "input", .kind = CVT_OPT_FILES,
     .target = FIELD(inputs), .argument = "FILE", .help = "tensor in a .npy file; again for each further input"},
    {.commands = WITH_LIST, .name = "files-from", .kind = CVT_OPT_FILE, .target = FIELD(files_from),
     .argument = "FILE", .help = "read paths from FILE, a line each; - is standard input"},
    {.commands = WITH_LIST, .letter = '0', .name = "null", .kind = CVT_OPT_FLAG, .target = FIELD(null),
     .help = "paths of --files-from end with NUL bytes; alone: read such paths from standard input"},
    {.commands = WITH_LIST, .letter = 'r', .name = "recursive", .kind = CVT_OPT_FLAG,
     .target = FIELD(recursive), .help = "take directories with all that is below them"},

    /* decoding */
    {.commands = WITH_IMAGES, .name = "exif", .kind = CVT_OPT_CHOICE, .target = FIELD(exif), .argument = "HOW",
     .choices = CHOICES("apply", "ignore"), .initial = "apply", .help = "orientation stored in the image"},
    {.commands = WITH_IMAGES, .name = "gray16", .kind = CVT_OPT_CHOICE, .target = FIELD(gray16), .argument = "HOW",
     .choices = CHOICES("scale", "clip"), .initial = "scale", .help = "16-bit grey to 8 bits"},
    {.commands = WITH_IMAGES, .name = "allow-truncated", .kind = CVT_OPT_FLAG, .target = FIELD(allow_truncated),
     .help = "take what there is of torn images"},
    {.commands = WITH_IMAGES, .name = "max-pixels", .kind = CVT_OPT_INTEGER, .target = FIELD(max_pixels),
     .argument = "N", .least = 1, .most = INT64_C(1) << 40, .initial = "100000000", .help = "refuse larger images"},
    {.commands = WITH_IMAGES, .name = "max-scans", .kind = CVT_OPT_INTEGER, .target = FIELD(max_scans), .argument = "N",
     .least = 1, .most = 1000000, .initial = "200", .help = "refuse progressive JPEGs of more scans"},
    {.commands = CVT_CMD_PREPROCESS, .name = "stop", .kind = CVT_OPT_CHOICE, .target = FIELD(stop), .argument = "STEP",
     .choices = CHOICES("decode", "orient", "resize", "crop"), .help = "write the pixels as they are after this step"},

    /* what comes out */
    {.commands = CVT_CMD_RUN, .required = CVT_CMD_RUN, .letter = 'o', .name = "output", .kind = CVT_OPT_FOLDER,
     .target = FIELD(output), .argument = "DIR", .help = "directory for output.npy and the taps; it is created"},
    {.commands = CVT_CMD_PREPROCESS, .required = CVT_CMD_PREPROCESS, .letter = 'o', .name = "output",
     .kind = CVT_OPT_FILE, .target = FIELD(output), .argument = "FILE", .help = "the .npy file to write"},
    {.commands = CVT_CMD_EMBED, .required = CVT_CMD_EMBED, .letter = 'o', .name = "output", .kind = CVT_OPT_FILE,
     .target = FIELD(output), .argument = "FILE",
     .help = "the .npy file to write; names go into a .txt file beside it"},
    {.commands = CVT_CMD_ATTEND, .required = CVT_CMD_ATTEND, .letter = 'o', .name = "output", .kind = CVT_OPT_FILE,
     .target = FIELD(output), .argument = "FILE", .help = "the .png or .npy file to write"},
    {.commands = CVT_CMD_CONVERT | CVT_CMD_INIT, .required = CVT_CMD_CONVERT | CVT_CMD_INIT, .letter = 'o',
     .name = "output", .kind = CVT_OPT_FILE, .target = FIELD(output), .argument = "FILE",
     .help = "the .safetensors file to write"},
    {.commands = CVT_CMD_RUN, .name = "tap", .kind = CVT_OPT_WORDS, .target = FIELD(taps), .argument = "NAME",
     .help = "also write this inner value, or all of them: all; may be given again"},
    {.commands = CVT_CMD_EMBED, .name = "tap", .kind = CVT_OPT_WORD, .target = FIELD(tap), .argument = "NAME",
     .help = "write this inner value instead of what the last linear layer reads"},
    {.commands = CVT_CMD_ATTEND, .name = "layer", .kind = CVT_OPT_WORD, .target = FIELD(layer), .argument = "L",
     .help = "which attention map: its number from 0, from the end if negative, or the name of a tap; the last one if "
             "not given"},
    {.commands = CVT_CMD_ATTEND, .name = "head", .kind = CVT_OPT_WORD, .target = FIELD(head), .argument = "H",
     .help = "one head instead of the mean over all"},
    {.commands = CVT_CMD_ATTEND, .name = "rollout", .kind = CVT_OPT_FLAG, .target = FIELD(rollout),
     .help = "what reaches the layer through all layers before it (attention rollout)"},
    {.commands = CVT_CMD_ATTEND, .name = "class", .kind = CVT_OPT_WORD, .target = FIELD(class_name),
     .argument = "CLASS",
     .help = "show the class activation map of this class, a number or a label: which places of the picture speak for "
             "it; without attention, and without this option, it is that of the best class"},
    {.commands = CVT_CMD_CLASSIFY, .letter = 'k', .name = "top-k", .kind = CVT_OPT_INTEGER, .target = FIELD(top_k),
     .argument = "N", .least = 1, .most = 1000000, .initial = "5", .help = "how many classes an image"},
    {.commands = CVT_CMD_CLASSIFY, .letter = 'f', .name = "format", .kind = CVT_OPT_CHOICE, .target = FIELD(format),
     .argument = "FORMAT", .choices = CHOICES("text", "jsonl", "json", "csv", "tsv"), .initial = "text",
     .help = "form of the records"},
    {.commands = CVT_CMD_SUMMARY, .letter = 'f', .name = "format", .kind = CVT_OPT_CHOICE, .target = FIELD(format),
     .argument = "FORMAT", .choices = CHOICES("text", "json", "csv"), .initial = "text", .help = "form of the table"},
    {.commands = CVT_CMD_BENCH, .letter = 'f', .name = "format", .kind = CVT_OPT_CHOICE, .target = FIELD(format),
     .argument = "FORMAT", .choices = CHOICES("text", "json"), .initial = "text", .help = "form of the report"},
    {.commands = CVT_CMD_SUMMARY, .name = "style", .kind = CVT_OPT_CHOICE, .target = FIELD(style), .argument = "STYLE",
     .choices = CHOICES("cvt", "torchsummary"), .initial = "cvt", .help = "rows"},

    /* convert, init */
    {.commands = CVT_CMD_CONVERT, .name = "dtype", .kind = CVT_OPT_CHOICE, .target = FIELD(dtype), .argument = "TYPE",
     .choices = CHOICES("f32", "f16", "bf16", "int8"), .help = "store the weights as"},
    {.commands = CVT_CMD_CONVERT, .name = "pack", .kind = CVT_OPT_FLAG, .target = FIELD(pack),
     .help = "store the weights of products as this kind of machine reads them"},
    {.commands = CVT_CMD_CONVERT, .name = "names", .kind = CVT_OPT_WORD, .target = FIELD(names), .argument = "DIALECT",
     .help = "store the weights under the names of native, hf, ..."},
    {.commands = CVT_CMD_INIT, .name = "seed", .kind = CVT_OPT_INTEGER, .target = FIELD(seed), .argument = "N",
     .least = 0, .most = INT64_MAX, .initial = "0", .help = "which random weights"},

    /* bench */
    {.commands = CVT_CMD_BENCH, .name = "seconds", .kind = CVT_OPT_NUMBER, .target = FIELD(seconds), .argument = "S",
     .least = 0, .most = 86400, .initial = "3", .help = "measure for at least so long"},
    {.commands = CVT_CMD_BENCH, .name = "images", .kind = CVT_OPT_INTEGER, .target = FIELD(images), .argument = "N",
     .least = 1, .most = MOST_IMAGES * 1000, .help = "measure this many images instead"},
    {.commands = CVT_CMD_BENCH, .name = "profile", .kind = CVT_OPT_FLAG, .target = FIELD(profile),
     .help = "also the time of each kind of operation"},

    /* threads */
    {.commands = WITH_THREADS, .letter = 't', .name = "threads", .kind = CVT_OPT_INTEGER, .target = FIELD(threads),
     .argument = "N", .least = 1, .most = CVT_MOST_THREADS, .help = "threads inside an image"},
    {.commands = WITH_LIST, .letter = 'j', .name = "jobs", .kind = CVT_OPT_INTEGER, .target = FIELD(jobs),
     .argument = "N", .least = 1, .most = CVT_MOST_THREADS, .help = "images at once"},
    {.commands = WITH_BATCH, .letter = 'b', .name = "batch", .kind = CVT_OPT_INTEGER, .target = FIELD(batch),
     .argument = "N", .least = 1, .most = 4096, .initial = "1", .help = "images a forward pass"},

    {.commands = CVT_CMD_TOP, .letter = 'V', .name = "version", .kind = CVT_OPT_FLAG, .target = FIELD(version),
     .help = "what this program is made of"},
    {.commands = CVT_CMD_ALL, .letter = 'h', .name = "help", .kind = CVT_OPT_FLAG, .target = FIELD(help),
     .help = "this text"},
    {.name = NULL},
};
/* clang-format on */

cvt_image_options cvt_settings_image(const cvt_settings *settings) {
    return (cvt_image_options){.max_pixels = (uint64_t)settings->max_pixels,
                               .max_scans = (int)settings->max_scans,
                               .ignore_exif = cvt_opt_is(settings->exif, "ignore"),
                               .clip_gray16 = cvt_opt_is(settings->gray16, "clip"),
                               .allow_truncated = settings->allow_truncated};
}
