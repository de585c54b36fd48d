# Run by mclust.py: Rscript mclust.R FOLDER MODE MODEL N D K COUNT [SEED]
# MODE iterate: em() from FOLDER/start.bin, COUNT iterations; fit: Mclust(); each: Mclust() on COUNT problems of N rows.
# Numbers are doubles, arrays column by column. Writes FOLDER/out.bin: for each result seconds, iterations (-1 where
# unknown), weights (K), means (D x K), covariances (D x D x K).
suppressPackageStartupMessages(library(mclust))
given <- commandArgs(trailingOnly = TRUE)
folder <- given[1]; mode <- given[2]; model <- given[3]
n <- as.integer(given[4]); d <- as.integer(given[5]); k <- as.integer(given[6]); count <- as.integer(given[7])
seed <- if (length(given) > 7) as.integer(given[8]) else 0L
set.seed(seed)

numbers <- function(name, size) {
  con <- file(file.path(folder, name), "rb")
  on.exit(close(con))
  readBin(con, "double", size)
}
shaped <- function(values) if (d == 1) values else matrix(values, ncol = d)
full <- function(parameters) {
  variance <- parameters$variance
  if (d == 1) rep_len(variance$sigmasq, k) else as.vector(variance$sigma)
}
result <- function(seconds, iterations, p) c(seconds, iterations, p$pro, as.vector(p$mean), full(p))
now <- function() as.numeric(Sys.time())

begin_from <- function(values) {
  pro <- values[1:k]
  mean <- values[k + seq_len(d * k)]
  sigma <- array(values[k + d * k + seq_len(d * d * k)], c(d, d, k))
  diagonal <- matrix(apply(sigma, 3, diag), d, k)
  scale <- exp(colMeans(log(diagonal)))
  variance <- list(modelName = model, d = d, G = k, sigma = sigma, sigmasq = diagonal[1, ], scale = scale,
                   shape = sweep(diagonal, 2, scale, "/"), cholSigma = chol(sigma[, , 1]), Sigma = sigma[, , 1],
                   cholsigma = array(apply(sigma, 3, chol), c(d, d, k)))
  list(pro = pro, mean = if (d == 1) mean else matrix(mean, d, k), variance = variance)
}

found <- c()
if (mode == "iterate") {
  X <- shaped(numbers("rows.bin", n * d))
  start <- begin_from(numbers("start.bin", k + d * k + d * d * k))
  control <- emControl(eps = 0, itmax = c(count, count), tol = c(0, 0))
  begin <- now()
  end <- em(data = X, modelName = model, parameters = start, control = control, warn = FALSE)
  found <- result(now() - begin, attr(end, "info")[["iterations"]], end$parameters)
} else {
  problems <- if (mode == "each") count else 1L
  X <- shaped(numbers("rows.bin", n * d * problems))
  for (i in seq_len(problems)) {
    rows <- (i - 1L) * n + seq_len(n)
    one <- if (problems == 1L) X else if (d == 1) X[rows] else X[rows, , drop = FALSE]
    begin <- now()
    end <- Mclust(one, G = k, modelNames = model, verbose = FALSE)
    if (is.null(end)) stop("Mclust returned no model")
    found <- c(found, result(now() - begin, -1, end$parameters))
  }
}
con <- file(file.path(folder, "out.bin"), "wb")
writeBin(as.double(found), con)
close(con)
