# What R's mclust answers, for tests/test_mclust_answers.py: Rscript tests/data/mclust_answers.R > tests/data/mclust_answers.json
suppressMessages(library(mclust))
json <- function(x) {
  if (is.null(x)) return("null")
  if (is.list(x)) {
    parts <- vapply(x, json, "")
    if (is.null(names(x))) return(paste0("[", paste(parts, collapse = ", "), "]"))
    return(paste0("{", paste(sprintf("\"%s\": %s", names(x), parts), collapse = ",\n"), "}"))
  }
  if (is.character(x)) return(if (length(x) == 1) sprintf("\"%s\"", x) else paste0("[", paste(sprintf("\"%s\"", x), collapse = ", "), "]"))
  if (is.logical(x)) x <- as.integer(x)
  if (is.array(x) && length(dim(x)) > 1) {  # rows first, as NumPy writes them
    return(json(lapply(seq_len(dim(x)[1]), function(i) if (length(dim(x)) == 2) x[i, ] else x[i, , ])))
  }
  numbers <- ifelse(is.na(x), "null", sprintf("%.12g", x))
  if (length(numbers) == 1 && is.null(names(x))) numbers else paste0("[", paste(numbers, collapse = ", "), "]")
}
vector <- function(x) as.list(as.vector(x))
tight <- emControl(tol = c(1e-13, 1e-13), itmax = c(10000, 10000))
rows <- function(name) as.matrix(read.csv(file.path("tests/data", paste0(name, ".csv"))))
parameters <- function(m) {
  v <- m$parameters$variance
  sigma <- if (is.null(v[["sigma"]])) aperm(array(rep_len(v$sigmasq, m$G), c(1, 1, m$G)), 3:1) else aperm(v[["sigma"]], c(3, 1, 2))
  list(weights = vector(m$parameters$pro), means = lapply(seq_len(m$G), function(k) vector(if (is.matrix(m$parameters$mean)) m$parameters$mean[, k] else m$parameters$mean[k])),
       covariances = lapply(seq_len(m$G), function(k) lapply(seq_len(dim(sigma)[2]), function(i) vector(sigma[k, i, ]))))
}
faithful <- rows("faithful"); X <- rows("iris"); species <- rep(0:2, each = 50); acidity <- rows("acidity")[, 1]
fits <- list(faithful = Mclust(faithful, 3, "EEE", control = tight, verbose = FALSE),
             faithful6 = Mclust(faithful, 6, "VVV", control = tight, verbose = FALSE),
             iris = Mclust(X, 3, "VVV", control = tight, verbose = FALSE), acidity = Mclust(acidity, 2, "V", control = tight, verbose = FALSE))
out <- list(software = paste("R mclust", packageVersion("mclust")), fits = lapply(fits, parameters))

xlogx <- function(z) sum(ifelse(z > 0, -z * log(z), 0))
combine <- function(fit, data) {
  combi <- clustCombi(fit, data = data)
  z <- function(k) if (k == fit$G) fit$z else { m <- diag(fit$G); for (j in seq(fit$G - 1, k)) m <- combi$combiM[[j]] %*% m; fit$z %*% t(m) }
  list(entropies = vector(vapply(fit$G:1, function(k) xlogx(z(k)), 0)),
       labels = lapply(fit$G:1, function(k) vector(combi$classification[[k]] - 1)),
       suggested = clustCombiOptim(combi)$numClusters.combi)
}
out$clustCombi <- list(faithful = combine(fits$faithful, faithful), faithful6 = combine(fits$faithful6, faithful), iris = combine(fits$iris, X))
hills <- function(fit) { g <- gmmhd(fit); list(labels = vector(as.integer(g$cluster) - 1)) }
out$gmmhd <- list(faithful = hills(fits$faithful), faithful6 = hills(fits$faithful6), iris = hills(fits$iris))

directions <- function(fit, lambda) { d <- MclustDR(fit, lambda = lambda); list(eigenvalues = vector(d$evalues[seq_len(d$numdir)]), basis = lapply(seq_len(d$numdir), function(j) vector(d$basis[, j]))) }
out$MclustDR <- list(iris = list(half = directions(fits$iris, 0.5), one = directions(fits$iris, 1)), faithful = list(half = directions(fits$faithful6, 0.5), one = directions(fits$faithful6, 1)))

at <- seq(3, 7, by = 0.25); p <- c(0.001, 0.025, 0.25, 0.5, 0.75, 0.975, 0.999); density <- densityMclust(acidity, 2, "V", control = tight, verbose = FALSE, plot = FALSE)
heights <- as.vector(dens(at, modelName = "V", parameters = fits$acidity$parameters))
out$density <- list(at = vector(at), height = vector(heights), cdf = vector(cdfMclust(density, at)$y), p = vector(p), quantile = vector(quantileMclust(density, p)))

starts <- list(iris = species + 1, faithful = ifelse(faithful[, 2] > 68, 2, 1))
climb <- function(data, model, z, ...) { r <- suppressWarnings(me(data, model, z, ...)); list(log_likelihood = r$loglik) }
models <- mclust.options("emModelNames")
each <- function(f) setNames(lapply(models, f), models)
out$start <- lapply(starts, function(s) vector(s - 1))
out$prior <- list(iris = each(function(m) climb(X, m, unmap(starts$iris), prior = priorControl(), control = tight)),
                  faithful = each(function(m) climb(faithful, m, unmap(starts$faithful), prior = priorControl(), control = tight)))
equal <- emControl(tol = c(1e-13, 1e-13), itmax = c(10000, 10000), equalPro = TRUE)
out$equalPro <- list(iris = each(function(m) climb(X, m, unmap(starts$iris), control = equal)),
                     faithful = each(function(m) climb(faithful, m, unmap(starts$faithful), control = equal)))
noisy <- as.matrix(read.csv("tests/data/faithful_noise.csv")); flags <- noisy[, 3] == 1; noisy <- noisy[, 1:2]
group <- ifelse(flags, 3, ifelse(noisy[, 2] > 68, 2, 1))
out$noise <- list(log_volume = hypvol(noisy, reciprocal = FALSE), labels = vector(group - 1),
                  me = each(function(m) climb(noisy, m, unmap(group), Vinv = hypvol(noisy, reciprocal = TRUE), control = tight)))
out$noise$log_volume <- log(out$noise$log_volume)
w <- rep(c(0.5, 1, 1.5), length.out = nrow(faithful))
out$weighted <- list(weights = vector(w), me = each(function(m) {
  r <- suppressWarnings(me.weighted(faithful, m, unmap(starts$faithful), weights = w, control = tight)); list(weights = vector(r$parameters$pro), means = lapply(1:2, function(k) vector(r$parameters$mean[, k]))) }))

classes <- factor(species)
edda <- each(function(m) { d <- try(MclustDA(X, classes, modelType = "EDDA", modelNames = m, verbose = FALSE), silent = TRUE); if (inherits(d, "try-error")) NULL else list(log_likelihood = d$loglik, error = mean(predict(d)$classification != classes)) })
da <- MclustDA(X, classes, G = 1:2, verbose = FALSE)
out$EDDA <- edda
out$MclustDA <- list(models = vapply(da$models, function(m) m$modelName, ""), G = vector(vapply(da$models, function(m) m$G, 0)), log_likelihood = da$loglik, error = mean(predict(da)$classification != classes))

set.seed(1); a <- sample(0:3, 60, TRUE); b <- ifelse(runif(60) < 0.7, a, sample(0:4, 60, TRUE))
out$partitions <- list(a = vector(a), b = vector(b), error = classError(b, a)$errorRate, adjusted_rand = adjustedRandIndex(a, b))
jack <- summary(MclustBootstrap(Mclust(faithful, 2, "VVV", control = tight, verbose = FALSE), type = "jk", verbose = FALSE), what = "se")
out$jackknife <- list(weights = vector(jack$pro), means = lapply(1:2, function(k) vector(jack$mean[, k])))
m <- Mclust(X, 5, "VVE", control = tight, verbose = FALSE)
out$iris_VVE_5 <- list(start = vector(hclass(hc(X, modelName = "VVV", use = "SVD"), 5) - 1), labels = vector(m$classification - 1),
                       log_likelihood = m$loglik)
cat(json(out), "\n")
