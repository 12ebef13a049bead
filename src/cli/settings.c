/* settings.c - the table of all options, in the order in which the help lists them. */
#include "cli/settings.h"

#define FIELD(name) offsetof(cvt_settings, name)
#define CHOICES(...) ((const char *const[]){__VA_ARGS__, NULL})

enum {
    /* those that work on a collection: a list of images, with a record for each */
    WITH_LIST = CVT_CMD_CLASSIFY | CVT_CMD_EMBED | CVT_CMD_ATTEND,
    WITH_TARS = WITH_LIST | CVT_CMD_EVAL, /* its images come from DATA or archives */
    WITH_SIZED = WITH_TARS | CVT_CMD_PREPROCESS,
    WITH_IMAGES = WITH_SIZED | CVT_CMD_LEARN,
    WITH_SANDBOX = CVT_CMD_CLASSIFY | CVT_CMD_EMBED | CVT_CMD_EVAL,
    WITH_SIZE = WITH_SIZED | CVT_CMD_SUMMARY | CVT_CMD_CHECK | CVT_CMD_BENCH,
    WITH_MODEL = WITH_SIZE | CVT_CMD_RUN | CVT_CMD_LEARN | CVT_CMD_VERIFY,
    WITH_NAMED = WITH_MODEL | CVT_CMD_LIST | CVT_CMD_CONVERT | CVT_CMD_REPORT, /* they find models by name */
    WITH_CONFIG = WITH_MODEL | CVT_CMD_CONVERT | CVT_CMD_INIT,
    WITH_PREPROCESS = WITH_IMAGES | CVT_CMD_CHECK | CVT_CMD_CONVERT | CVT_CMD_VERIFY,
    WITH_JOBS = WITH_TARS | CVT_CMD_LEARN,
    WITH_PRECISION = WITH_JOBS | CVT_CMD_RUN | CVT_CMD_BENCH,
    WITH_THREADS = WITH_PRECISION | CVT_CMD_VERIFY,
    WITH_OUTPUT = WITH_LIST | CVT_CMD_PREPROCESS | CVT_CMD_RUN | CVT_CMD_CONVERT | CVT_CMD_INIT | CVT_CMD_LEARN |
                  CVT_CMD_EVAL | CVT_CMD_REPORT,
    WITH_TEXT = CVT_CMD_SUMMARY | CVT_CMD_CHECK | CVT_CMD_BENCH | CVT_CMD_LIST | CVT_CMD_EVAL,
    WITH_BATCH = CVT_CMD_CLASSIFY | CVT_CMD_EMBED | CVT_CMD_BENCH | CVT_CMD_LEARN | CVT_CMD_EVAL,
    WITH_LABELS = CVT_CMD_CLASSIFY | CVT_CMD_EVAL | CVT_CMD_CONVERT | CVT_CMD_INIT,
    MAX_IMAGES = 1000000,
    MAX_SHARDS = 1000000000,
    MAX_SCORE = 1000000000,
};

/* clang-format off */
const cvt_option cvt_settings_rows[] = {
    {.group = "model",
     .commands = WITH_MODEL | CVT_CMD_LIST, .letter = 'm', .name = "model", .kind = CVT_OPT_MODEL,
     .target = FIELD(model), .names = "models",
     .argument = "MODEL", .help = "a directory with config.json and weights, as a clone from a hub leaves it; a "
     ".safetensors file, as cvt convert makes it; or a name that cvt list shows (default: CVT_MODEL, else "
     "efficientnet-lite0, else script)",
     .lacking = CVT_CMD_CONVERT, .instead = "the model's name or path stands without it"},
    {.commands = (WITH_CONFIG | CVT_CMD_LIST) & ~(unsigned)CVT_CMD_INIT, .letter = 'c', .name = "config",
     .kind = CVT_OPT_FILE, .target = FIELD(config), .argument = "CONFIG", .names = "configs",
     .help = "use this config, a file or the name of one that comes with the program, instead of the one that the "
     "model carries"},
    {.commands = CVT_CMD_INIT, .required = CVT_CMD_INIT, .letter = 'c', .name = "config", .kind = CVT_OPT_FILE,
     .target = FIELD(config), .argument = "CONFIG", .names = "configs",
     .help = "the config of the model, a file or the name of one that comes with the program"},
    {.commands = WITH_LABELS, .name = "labels", .kind = CVT_OPT_FILE,
     .target = FIELD(labels), .argument = "FILE", .recorded = true,
     .help = "take the names of the classes from FILE, a line each or JSON, instead of the model's"},
    {.commands = WITH_PREPROCESS, .name = "preprocess", .kind = CVT_OPT_FILE, .target = FIELD(preprocess),
     .argument = "FILE", .help = "how to prepare images, instead of as the model says: a preprocessor_config.json, "
     "or what timm writes as pretrained_cfg"},
    {.commands = WITH_LABELS, .name = "score", .kind = CVT_OPT_CHOICE,
     .target = FIELD(score), .argument = "softmax|sigmoid|none", .recorded = true,
     .choices = CHOICES("softmax", "sigmoid", "none"),
     .help = "what scores are, instead of what the model says: shares of one, each class by itself, or the output as "
     "it is"},
    {.commands = WITH_CONFIG & ~(unsigned)CVT_CMD_INIT, .name = "ignore-unexpected", .kind = CVT_OPT_WORDS,
     .target = FIELD(ignore), .argument = "PATTERN", .help = "pass over tensors of such names that the model has no "
     "place for, as 'criterion.*'; may be given again"},
    {.commands = WITH_CONFIG & ~(unsigned)WITH_JOBS, .letter = 'v', .name = "verbose", .kind = CVT_OPT_FLAG,
     .target = FIELD(verbose), .help = "say which files the model is read from"},
    {.commands = WITH_TARS, .letter = 'v', .name = "verbose", .kind = CVT_OPT_FLAG, .target = FIELD(verbose),
     .help = "say which files the model is read from, what --header writes, and at the end how many images there were"},
    {.commands = CVT_CMD_LEARN, .letter = 'v', .name = "verbose", .kind = CVT_OPT_FLAG, .target = FIELD(verbose),
     .help = "say which files the model is read from, how many images there were, the penalty, and the fit's time"},
    {.commands = WITH_SIZE, .name = "size", .kind = CVT_OPT_SIZE, .target = FIELD(size), .argument = "H[xW]",
     .recorded = true,
     .help = "build the model for an input of this height and width (default: what its config says)"},
    {.commands = CVT_CMD_CONVERT, .name = "dtype", .kind = CVT_OPT_CHOICE, .target = FIELD(dtype), .argument = "TYPE",
     .choices = CHOICES("f32", "f16", "bf16", "int8"),
     .help = "store the weights as numbers of this type, instead of keeping their own"},
    {.commands = CVT_CMD_CONVERT, .name = "pack", .kind = CVT_OPT_FLAG, .target = FIELD(pack),
     .help = "store the weights of matrix products in the order in which this kind of machine reads them"},
    {.commands = CVT_CMD_CONVERT, .name = "names", .kind = CVT_OPT_WORD, .target = FIELD(names), .argument = "DIALECT",
     .names = "dialects",
     .help = "store the weights under the names of another program: native, hf (Hugging Face), ..."},
    {.commands = CVT_CMD_CONVERT, .name = "golden", .kind = CVT_OPT_INTEGER, .target = FIELD(golden),
     .argument = "N", .min = 1, .max = 64,
     .help = "store also what the model gives for N images that are made from a seed, so that cvt verify can tell on "
     "any machine whether it still gives that; it is worked out by the plainest code, which takes some seconds each"},
    {.commands = CVT_CMD_INIT, .name = "seed", .kind = CVT_OPT_INTEGER, .target = FIELD(seed), .argument = "N",
     .min = 0, .max = INT64_MAX, .initial = "0", .help = "the seed of the weights: another seed gives others"},
    {.commands = CVT_CMD_LEARN, .name = "seed", .kind = CVT_OPT_INTEGER, .target = FIELD(seed), .argument = "N",
     .min = 0, .max = INT64_MAX, .initial = "0",
     .help = "the seed by which images are dealt into the parts for cross-validation, and held back by --val-share"},
    {.commands = CVT_CMD_CONVERT, .name = "seed", .kind = CVT_OPT_INTEGER, .target = FIELD(seed), .argument = "N",
     .min = 0, .max = INT64_MAX, .initial = "0", .help = "the seed of the images for --golden"},

    {.group = "inputs",
     .commands = CVT_CMD_RUN, .required = CVT_CMD_RUN, .letter = 'i', .name = "input", .kind = CVT_OPT_FILES,
     .target = FIELD(inputs), .argument = "FILE", 
     .help = "a tensor in a .npy file; give the option again for each further input of the model"},
    {.commands = WITH_LIST, .name = "files-from", .kind = CVT_OPT_FILES, .target = FIELD(files_from),
     .argument = "FILE", .help = "read paths from FILE too, a line each; - is standard input; may be given again"},
    {.commands = WITH_LIST, .letter = '0', .name = "null", .kind = CVT_OPT_FLAG, .target = FIELD(null),
     .help = "the paths in --files-from end with NUL bytes; without --files-from: read such paths from standard input"},
    {.commands = WITH_TARS, .name = "tar", .kind = CVT_OPT_FILES, .target = FIELD(tars), .argument = "FILE",
     .help = "read the images in this tar archive too; - is standard input; may be given again"},
    {.commands = WITH_JOBS, .letter = 'r', .name = "recursive", .kind = CVT_OPT_FLAG,
     .target = FIELD(recursive), .help = "look for images in the directories below, too"},
    {.commands = WITH_TARS, .name = "shard", .kind = CVT_OPT_PART, .target = FIELD(shard), .argument = "I/N",
     .max = MAX_SHARDS, .help = "take only the I-th of N parts, 1/4 to 4/4, by a hash of the path: N such runs take "
     "each image once, wherever they run, and added images move no others"},

    {.commands = WITH_SANDBOX, .name = "sandbox", .kind = CVT_OPT_CHOICE, .target = FIELD(sandbox),
     .argument = "on|off|require", .choices = CHOICES("on", "off", "require"), .initial = "on",
     .help = "before the first image is read, give up what reading images does not need: programs, sockets, files that "
     "are not named (Linux); require: fail where the system has no such thing"},

    {.group = "decoding",
     .commands = WITH_IMAGES, .name = "exif", .kind = CVT_OPT_CHOICE, .target = FIELD(exif), .argument = "apply|ignore",
     .choices = CHOICES("apply", "ignore"), .initial = "apply", .recorded = true,
     .help = "turn an image upright as its camera says, or ignore that as timm and torchvision do"},
    {.commands = WITH_IMAGES, .name = "gray16", .kind = CVT_OPT_CHOICE, .target = FIELD(gray16),
     .argument = "scale|clip", .choices = CHOICES("scale", "clip"), .initial = "scale",
     .recorded = true,
     .help = "scale 16-bit grey values to 8 bits, or cut off what is above 255 as Pillow does"},
    {.commands = WITH_IMAGES, .name = "alpha", .kind = CVT_OPT_CHOICE, .target = FIELD(alpha),
     .argument = "drop|white|black", .choices = CHOICES("drop", "white", "black"), .initial = "drop",
     .recorded = true,
     .help = "drop the transparency of an image as Pillow does, so that hidden colours show; or lay it over white or "
     "black"},
    {.commands = WITH_IMAGES, .name = "decode", .kind = CVT_OPT_CHOICE, .target = FIELD(decode),
     .argument = "exact|fast", .choices = CHOICES("exact", "fast"), .initial = "exact",
     .recorded = true,
     .help = "decode a JPEG whole, or at 1/2, 1/4 or 1/8 where it is resized to less: faster, and other pixels, those "
     "of Pillow's Image.draft"},
    {.commands = WITH_IMAGES, .name = "allow-truncated", .kind = CVT_OPT_FLAG, .target = FIELD(allow_truncated),
     .recorded = true,
     .help = "accept an image whose data ends early, as far as it goes"},
    {.commands = WITH_IMAGES, .name = "max-pixels", .kind = CVT_OPT_INTEGER, .target = FIELD(max_pixels),
     .argument = "N", .min = 1, .max = INT64_C(1) << 40, .initial = "178956970", .recorded = true,
     .help = "refuse images of more pixels"},
    {.commands = WITH_IMAGES, .name = "max-scans", .kind = CVT_OPT_INTEGER, .target = FIELD(max_scans), .argument = "N",
     .min = 1, .max = 1000000, .initial = "200", .recorded = true, .help = "refuse progressive JPEGs of more scans"},
    {.commands = CVT_CMD_CLASSIFY, .name = "lines", .kind = CVT_OPT_FLAG, .target = FIELD(lines),
     .recorded = true,
     .help = "an image is a page: cut it into its lines of text, and answer for all of them together; for models that "
     "read lines"},
    {.commands = CVT_CMD_PREPROCESS, .name = "stop", .kind = CVT_OPT_CHOICE, .target = FIELD(stop), .argument = "STEP",
     .choices = CHOICES("decode", "orient", "resize", "crop"),
     .help = "write the pixels as they are after this step, instead of the tensor"},

    {.group = "results",
     .commands = CVT_CMD_RUN, .required = CVT_CMD_RUN, .letter = 'o', .name = "output", .kind = CVT_OPT_FOLDER,
     .target = FIELD(output), .argument = "DIR", .help = "the directory to create, for output.npy and the taps"},
    {.commands = CVT_CMD_PREPROCESS, .required = CVT_CMD_PREPROCESS, .letter = 'o', .name = "output",
     .kind = CVT_OPT_FILE, .target = FIELD(output), .argument = "FILE", .help = "the .npy file to write"},
    {.commands = CVT_CMD_CLASSIFY, .letter = 'o', .name = "output", .kind = CVT_OPT_FILE,
     .target = FIELD(output), .argument = "FILE", .help = "write the records to FILE instead of standard output. While "
     "the run lasts, and if it ends early, they are in FILE.partial"},
    {.commands = CVT_CMD_EMBED, .letter = 'o', .name = "output", .kind = CVT_OPT_FILE,
     .target = FIELD(output), .argument = "FILE", .help = "the .npy file to write; the paths go into a .txt file. With "
     "-f jsonl as for classify"},
    {.commands = CVT_CMD_ATTEND, .required = CVT_CMD_ATTEND, .letter = 'o', .name = "output", .kind = CVT_OPT_FILE,
     .target = FIELD(output), .argument = "FILE|DIR/", .help = "the file to write for a single image: .png, a picture; "
     ".svg or .html, with its scale and caption; .npy, the numbers; or a directory, with a slash behind it, that gets "
     "one for each image, and records.jsonl"},
    {.commands = CVT_CMD_CONVERT | CVT_CMD_INIT | CVT_CMD_LEARN,
     .required = CVT_CMD_CONVERT | CVT_CMD_INIT | CVT_CMD_LEARN, .letter = 'o', .name = "output",
     .kind = CVT_OPT_FILE, .target = FIELD(output), .argument = "FILE",
     .help = "the .safetensors file to write",
     .lacking = WITH_TEXT, .instead = "the results go to standard output: > FILE"},
    {.commands = CVT_CMD_REPORT, .required = CVT_CMD_REPORT, .letter = 'o', .name = "output", .kind = CVT_OPT_FILE,
     .target = FIELD(output), .argument = "FILE", .help = "the .html file to write"},
    {.commands = WITH_OUTPUT, .name = "force", .kind = CVT_OPT_FLAG, .target = FIELD(force),
     .help = "write the output even where a file of another kind has its name"},
    {.commands = WITH_TARS, .name = "header", .kind = CVT_OPT_FLAG, .target = FIELD(header),
     .help = "write first a record of what makes the others: version, model, SHA-256 of its weights and config, "
     "preprocessing, options. For JSON only"},
    {.commands = WITH_LIST, .name = "resume", .kind = CVT_OPT_FLAG, .target = FIELD(resume),
     .help = "go on where a run with the same -o ended: images that have a record are passed over, a half-written "
     "record is cut off, records of another model are refused. For -f jsonl only"},
    {.commands = CVT_CMD_EVAL, .name = "resume", .kind = CVT_OPT_FLAG, .target = FIELD(resume),
     .help = "go on where a run with the same --records and --resume ended: images that have a record are passed over, "
     "a half-written record is cut off, records of another model are refused. The results are those of all images"},
    {.commands = WITH_TARS, .name = "retry-errors", .kind = CVT_OPT_FLAG, .target = FIELD(retry_errors),
     .help = "with --resume: try images again whose record is an error; then the last record of an image counts"},
    {.commands = WITH_TARS, .letter = 'z', .name = "zero", .kind = CVT_OPT_FLAG,
     .target = FIELD(zero), .help = "end each line of -f jsonl or tsv with a NUL byte instead of a newline"},
    {.commands = WITH_TARS, .name = "line-buffered", .kind = CVT_OPT_FLAG, .target = FIELD(line_buffered),
     .help = "write each record as soon as its turn has come, which is done without this option, too"},
    {.commands = WITH_TARS, .name = "exif-fields", .kind = CVT_OPT_FLAG, .recorded = true,
     .target = FIELD(exif_fields), .help = "add to each record when the image was taken and its orientation, as its "
     "EXIF data say. Not for -f text"},
    {.commands = CVT_CMD_CLASSIFY, .name = "min-score", .kind = CVT_OPT_LIMIT, .target = FIELD(min_score),
     .argument = "SCORE", .min = -MAX_SCORE, .max = MAX_SCORE, .recorded = true,
     .help = "leave out classes whose score is less than SCORE, as 0.5"},
    {.commands = CVT_CMD_CLASSIFY, .name = "unknown", .kind = CVT_OPT_RATE, .target = FIELD(unknown),
     .argument = "RATE", .min = 0, .max = 50, .alone = "5%", .recorded = true,
     .help = "call an image unknown if it is probably of none of the labels: if its best class is so improbable that "
     "no more than this share of images of known labels, as 5% or 0.05, would be called unknown by mistake. For models "
     "that cvt learn made, which measured that by cross-validation"},
    {.commands = CVT_CMD_RUN, .name = "tap", .kind = CVT_OPT_WORDS, .target = FIELD(taps), .argument = "NAME",
     .names = "taps",
     .help = "also write this tap; may be given again. A tap is an inner value of the model, such as the output of a "
     "block, that has a name; cvt summary -f json lists the names, and all stands for every one"},
    {.commands = CVT_CMD_EMBED, .name = "tap", .kind = CVT_OPT_WORD, .target = FIELD(tap), .argument = "NAME",
     .recorded = true, .names = "taps",
     .help = "write this tap instead of what the last linear layer reads. A tap is an inner value of the model, such "
     "as the output of a block, that has a name; cvt summary -f json lists the names"},
    {.commands = CVT_CMD_ATTEND, .name = "layer", .kind = CVT_OPT_WORD, .target = FIELD(layer), .argument = "LAYER",
     .recorded = true, .names = "layers",
     .help = "the layer whose attention is shown: its number, from 0 (or from -1, the last one, backwards), or its "
     "name, such as block3.attn.map (default: the last one)"},
    {.commands = CVT_CMD_ATTEND, .name = "head", .kind = CVT_OPT_WORD, .target = FIELD(head), .argument = "HEAD",
     .recorded = true,
     .help = "show one head of the layer, by its number from 0 (default: the mean over all heads)"},
    {.commands = CVT_CMD_ATTEND, .name = "rollout", .kind = CVT_OPT_FLAG, .target = FIELD(rollout), .recorded = true,
     .help = "attention rollout: show from where in the image something reaches the layer through all the layers "
     "before it, by the product of their attention maps"},
    {.commands = CVT_CMD_ATTEND, .name = "class", .kind = CVT_OPT_WORD, .target = FIELD(class_name),
     .argument = "CLASS", .recorded = true,
     .help = "show the class activation map of this class, a number or a label (default for a model without attention: "
     "the best class)"},
    {.commands = CVT_CMD_ATTEND, .name = "sheet", .kind = CVT_OPT_FLAG, .target = FIELD(sheet), .recorded = true,
     .help = "show all layers and heads on one page; of a model without attention the best 6 classes"},
    {.commands = CVT_CMD_CLASSIFY, .letter = 'k', .name = "top-k", .kind = CVT_OPT_INTEGER, .target = FIELD(top_k),
     .argument = "N", .min = 1, .max = 1000000, .initial = "5", .recorded = true,
     .help = "name this many classes for an image"},
    {.commands = CVT_CMD_CLASSIFY, .letter = 'f', .name = "format", .kind = CVT_OPT_CHOICE, .target = FIELD(format),
     .argument = "FORMAT", .choices = CHOICES("text", "jsonl", "json", "csv", "tsv"),
     .help = "format of the records (default: what the ending of -o FILE says, else text)"},
    {.commands = CVT_CMD_EMBED, .letter = 'f', .name = "format", .kind = CVT_OPT_CHOICE, .target = FIELD(format),
     .argument = "FORMAT", .choices = CHOICES("npy", "jsonl"),
     .help = "one array, or JSON Lines with a record for each image (default: what the ending of -o FILE says, else "
     "npy)"},
    {.commands = CVT_CMD_ATTEND, .letter = 'f', .name = "format", .kind = CVT_OPT_CHOICE, .target = FIELD(format),
     .argument = "FORMAT", .choices = CHOICES("png", "npy", "svg", "html"), .initial = "png",
     .recorded = true, .help = "what -o DIR/ gets for each image"},
    {.commands = CVT_CMD_SUMMARY, .letter = 'f', .name = "format", .kind = CVT_OPT_CHOICE, .target = FIELD(format),
     .argument = "FORMAT", .choices = CHOICES("text", "json", "csv"), .initial = "text", .help = "format of the table"},
    {.commands = CVT_CMD_BENCH, .letter = 'f', .name = "format", .kind = CVT_OPT_CHOICE, .target = FIELD(format),
     .argument = "FORMAT", .choices = CHOICES("text", "json"), .initial = "text", .help = "format of the measurements"},
    {.commands = CVT_CMD_EVAL, .letter = 'f', .name = "format", .kind = CVT_OPT_CHOICE, .target = FIELD(format),
     .argument = "FORMAT", .choices = CHOICES("text", "json", "csv"), .initial = "text",
     .help = "format of the results; json has all of them, csv a number on each line"},
    {.commands = CVT_CMD_LIST, .letter = 'f', .name = "format", .kind = CVT_OPT_CHOICE, .target = FIELD(format),
     .argument = "FORMAT", .choices = CHOICES("text", "json"), .initial = "text", .help = "format of the list"},
    {.commands = CVT_CMD_LIST, .name = "schema", .kind = CVT_OPT_FLAG, .target = FIELD(schema),
     .help = "print the JSON schema of native configs instead"},
    {.commands = CVT_CMD_LIST, .name = "only", .kind = CVT_OPT_CHOICE, .target = FIELD(only), .argument = "KIND",
     .choices = CHOICES("models", "configs", "dialects", "taps", "layers"),
     .help = "print only the names of this kind, a line each: models; configs that come with the program; of the "
     "model that -m or -c names the dialects (for cvt convert --names), the taps (for --tap), or those of the taps "
     "that are layers of attention (for --layer)"},
    {.commands = CVT_CMD_SUMMARY, .name = "style", .kind = CVT_OPT_CHOICE, .target = FIELD(style), .argument = "STYLE",
     .choices = CHOICES("cvt", "torchsummary"), .initial = "cvt",
     .help = "the rows and layout of this program, or those of the Python package torchsummary"},
    {.commands = CVT_CMD_SUMMARY, .name = "depth", .kind = CVT_OPT_INTEGER, .target = FIELD(depth), .argument = "N",
     .min = 1, .max = 100,
     .help = "fold layers into one row if the first N parts of their names are the same, as stage2.block0 with 2 "
     "(default: a row for each layer)"},

    {.group = "page",
     .commands = CVT_CMD_REPORT, .name = "root", .kind = CVT_OPT_FOLDER, .target = FIELD(root), .argument = "DIR",
     .help = "the directory from which the paths in the records are meant: where the command ran that wrote them "
     "(default: this one)"},
    {.commands = CVT_CMD_REPORT, .name = "thumbnails", .kind = CVT_OPT_INTEGER, .target = FIELD(thumbnails),
     .argument = "N", .min = 0, .max = MAX_IMAGES, .initial = "1000", .help = "put small copies of the first N images "
     "into the page, some 5 kB each; to the others there are only links"},
    {.commands = CVT_CMD_REPORT, .name = "attend", .kind = CVT_OPT_MODEL, .target = FIELD(attend), .argument = "MODEL",
     .names = "models",
     .help = "also show where this model looks in each image that has a small copy, as cvt attend does; the page turns "
     "that on and off"},

    {.group = "evaluation",
     .commands = CVT_CMD_EVAL, .name = "classes", .kind = CVT_OPT_FILE, .target = FIELD(classes), .argument = "FILE",
     .recorded = true, .help = "which class of the model a directory or label of DATA means: lines of its name, a tab, "
     "and the label, a name or the number of the class; or names alone, one for each class in order"},
    {.commands = CVT_CMD_EVAL, .name = "order", .kind = CVT_OPT_CHOICE, .target = FIELD(order),
     .argument = "bytes|natural", .choices = CHOICES("bytes", "natural"), .initial = "bytes", .recorded = true,
     .help = "where no directory is called as a class, they are the classes in this order: that of their bytes, as "
     "torchvision has it; or natural, 2 before 10, as timm has it"},
    {.commands = CVT_CMD_EVAL, .name = "subset", .kind = CVT_OPT_FLAG, .target = FIELD(subset), .recorded = true,
     .help = "let the model choose only among the classes that DATA has, as is usual for ImageNet-A and ImageNet-R"},
    {.commands = CVT_CMD_EVAL, .name = "confusion", .kind = CVT_OPT_FILE, .target = FIELD(confusion),
     .argument = "FILE", .help = "write the confusion matrix: FILE.csv, or as a picture FILE.svg, with words, or "
     "FILE.png, without"},
    {.commands = CVT_CMD_EVAL, .name = "records", .kind = CVT_OPT_FILE, .target = FIELD(records), .argument = "FILE",
     .help = "also write a record for each image as JSON Lines, with its class as truth"},

    {.group = "learning",
     .commands = CVT_CMD_LEARN, .name = "val", .kind = CVT_OPT_FOLDER, .target = FIELD(val), .argument = "DATA",
     .help = "check the new model with these images too, which are laid out as DATA and not learned from"},
    {.commands = CVT_CMD_LEARN, .name = "val-share", .kind = CVT_OPT_NUMBER, .target = FIELD(val_share),
     .argument = "SHARE", .min = 0, .max = 1, .help = "hold back this share of each label's images, as 0.2, and "
     "check the new model with them"},
    {.commands = CVT_CMD_LEARN, .name = "l2", .kind = CVT_OPT_WORD, .target = FIELD(l2), .argument = "auto|PENALTY",
     .initial = "auto", .help = "what large weights cost: auto finds the penalty that is best in cross-validation"},
    {.commands = CVT_CMD_LEARN, .name = "augment", .kind = CVT_OPT_CHOICE, .target = FIELD(augment),
     .argument = "none|flip|crops", .choices = CHOICES("none", "flip", "crops"), .initial = "none",
     .help = "learn also from each image mirrored, or from five parts of it, which takes two or six times as long"},
    {.commands = CVT_CMD_LEARN, .name = "balance", .kind = CVT_OPT_FLAG, .target = FIELD(balance),
     .help = "let all labels count alike, however many images they have"},
    {.commands = CVT_CMD_LEARN, .name = "top", .kind = CVT_OPT_INTEGER, .target = FIELD(top), .argument = "N",
     .min = 0, .max = MAX_IMAGES * 1000, .initial = "0", .help = "also print the N images whose labels are most "
     "doubtful: the probability of the own label in cross-validation, the label, what the image looks like, its path"},
    {.commands = CVT_CMD_LEARN, .name = "date", .kind = CVT_OPT_FLAG, .target = FIELD(date),
     .help = "store the date in the model; without it the same images give the same bytes on every day"},
    {.name = "add", .lacking = CVT_CMD_LEARN,
     .instead = "to add a label, learn anew: put its images beside those of the other labels"},

    {.group = "speed",
     .commands = WITH_THREADS, .letter = 't', .name = "threads", .kind = CVT_OPT_INTEGER, .target = FIELD(threads),
     .argument = "N", .min = 1, .max = CVT_MAX_THREADS,
     .help = "threads that share the work on one image (default: all of them for a single input, one for each of "
     "several)"},
    {.commands = WITH_JOBS, .letter = 'j', .name = "jobs", .kind = CVT_OPT_INTEGER, .target = FIELD(jobs),
     .argument = "N", .min = 1, .max = CVT_MAX_THREADS,
     .help = "work on this many images at once (default: as many as there are threads)"},
    {.commands = WITH_BATCH, .letter = 'b', .name = "batch", .kind = CVT_OPT_INTEGER, .target = FIELD(batch),
     .argument = "N", .min = 1, .max = 4096, .initial = "1", .help = "put this many images into one forward pass"},
    {.commands = CVT_CMD_EVAL, .name = "precision", .kind = CVT_OPT_WORD, .target = FIELD(precision),
     .argument = "TYPE[,TYPE]", .recorded = true,
     .help = "numbers in which matrix products are computed: f32, f16, bf16 or int8 (default: int8 if the weights are, "
     "else f32); two of them with a comma, as f32,int8, are compared with each other"},
    {.commands = WITH_PRECISION & ~(unsigned)CVT_CMD_EVAL, .name = "precision", .kind = CVT_OPT_CHOICE,
     .target = FIELD(precision),
     .argument = "f32|f16|bf16|int8", .choices = CHOICES("f32", "f16", "bf16", "int8"), .recorded = true,
     .help = "numbers in which matrix products are computed; f16, bf16 and int8 can be faster, and are less exact "
     "(default: int8 if the weights are, else f32)"},
    {.commands = WITH_THREADS & ~(unsigned)CVT_CMD_LEARN, .name = "repro", .kind = CVT_OPT_FLAG,
     .target = FIELD(repro), .recorded = true,
     .help = "give the same bits on every kind of machine: by the plainest code, in the order in which it is written, "
     "which takes many times as long"},
    {.commands = CVT_CMD_BENCH, .name = "seconds", .kind = CVT_OPT_NUMBER, .target = FIELD(seconds),
     .argument = "SECONDS", .min = 0, .max = 86400, .initial = "3", .help = "measure for at least this long"},
    {.commands = CVT_CMD_BENCH, .name = "images", .kind = CVT_OPT_INTEGER, .target = FIELD(images), .argument = "N",
     .min = 1, .max = MAX_IMAGES * 1000, .help = "measure this many images, instead of some seconds"},
    {.commands = CVT_CMD_BENCH, .name = "profile", .kind = CVT_OPT_FLAG, .target = FIELD(profile),
     .help = "also print the time of each kind of operation"},
    {.commands = CVT_CMD_CLASSIFY | CVT_CMD_EMBED | CVT_CMD_EVAL, .name = "profile", .kind = CVT_OPT_FLAG,
     .target = FIELD(profile), .help = "print at the end, on standard error, how long reading, decoding, resizing, "
     "forward passes and writing took"},

    {.group = "messages",
     .commands = WITH_JOBS, .letter = 'q', .name = "quiet", .kind = CVT_OPT_FLAG, .target = FIELD(quiet),
     .help = "neither progress nor, at the end, how many images there were"},
    {.commands = WITH_JOBS, .name = "progress", .kind = CVT_OPT_CHOICE, .target = FIELD(progress),
     .argument = "auto|always|never", .choices = CHOICES("auto", "always", "never"), .initial = "auto",
     .help = "show how far the run is, on standard error: where that is a terminal, or always (into a file a line now "
     "and then)"},
    {.commands = CVT_CMD_CLASSIFY, .name = "color", .kind = CVT_OPT_CHOICE, .target = FIELD(color),
     .argument = "auto|always|never", .choices = CHOICES("auto", "always", "never"), .initial = "auto",
     .help = "colours and bars in -f text: where it goes to a terminal that has them, or always"},

    {.group = "options",
     .commands = CVT_CMD_TOP, .letter = 'V', .name = "version", .kind = CVT_OPT_FLAG, .target = FIELD(version),
     .help = "print the versions of this program and its libraries"},
    {.commands = CVT_CMD_TOP, .name = "json", .kind = CVT_OPT_FLAG, .target = FIELD(json),
     .help = "with --version: as JSON"},
    {.commands = CVT_CMD_ALL, .letter = 'h', .name = "help", .kind = CVT_OPT_FLAG, .target = FIELD(help),
     .help = "this text"},
    {.name = NULL},
};

const cvt_variable cvt_settings_environment[] = {
    {"CVT_MODEL", WITH_MODEL | CVT_CMD_LIST, "the model when -m is not given"},
    {"CVT_MODEL_PATH", WITH_NAMED, "directories, with colons between them, in which a "
     "model is looked for by its name before all other places"},
    {"CVT_THREADS", WITH_THREADS | CVT_CMD_REPORT, "how many threads to use in all; if not set, OMP_NUM_THREADS; if "
     "that is not set either, a thread for each CPU that this process may use"},
    {"CVT_ISA", WITH_THREADS | CVT_CMD_CONVERT | CVT_CMD_REPORT, "the kernels (loops written for one kind of CPU) to "
     "use, such as avx2, instead of the fastest"},
    {"HF_HUB_CACHE", WITH_NAMED, "the cache of the Hugging Face hub, in which models called ORG/NAME are looked for; "
     "without it HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub"},
    {"COLUMNS", CVT_CMD_SUMMARY | CVT_CMD_LIST | WITH_JOBS, "the width of a terminal that does not tell its own"},
    {"NO_COLOR", CVT_CMD_CLASSIFY, "if set, no colours, unless --color asks for them"},
    {.name = NULL},
};
/* clang-format on */

cvt_image_options cvt_settings_image(const cvt_settings *settings) {
    return (cvt_image_options){.size = sizeof(cvt_image_options),
                               .max_pixels = (uint64_t)settings->max_pixels,
                               .max_scans = (int)settings->max_scans,
                               .ignore_exif = cvt_opt_is(settings->exif, "ignore"),
                               .clip_gray16 = cvt_opt_is(settings->gray16, "clip"),
                               .allow_truncated = settings->allow_truncated,
                               .fast = cvt_opt_is(settings->decode, "fast"),
                               .alpha = cvt_opt_is(settings->alpha, "white")   ? CVT_ALPHA_WHITE
                                        : cvt_opt_is(settings->alpha, "black") ? CVT_ALPHA_BLACK
                                                                               : CVT_ALPHA_DROP,
                               .lines = settings->lines};
}
