"""Which digit is this? A pipeline of three stages; what its six versions have in common is made once, for all of them.

The images (8x8, of handwriting) come with scikit-learn.
"""

from _images import scaled, with_edges
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from mlpipeline import Pipeline, Versions, stage

DIGITS = range(10)


@stage
class Features:
    def run(self):
        digits = load_digits()
        images = with_edges(scaled(digits.images))
        train_x, test_x, train_y, test_y = train_test_split(images, digits.target, test_size=0.3, random_state=0)
        return {"train_x": train_x, "train_y": train_y, "test_x": test_x, "test_y": test_y}


@stage
class TrainModel:
    def __init__(self, hidden: int = 32, learning_rate: float = 0.003, epochs: int = 20):
        self.hidden = hidden
        self.learning_rate = learning_rate
        self.epochs = epochs

    def run(self, train_x, train_y, run):
        # Its weights begin at random: mlpipeline seeds NumPy before each stage, so they begin alike every time.
        model = MLPClassifier((self.hidden,), learning_rate_init=self.learning_rate)
        for epoch in run.steps(self.epochs):
            model.partial_fit(train_x, train_y, classes=DIGITS)
            run.log_metrics({"loss": model.loss_}, epoch)
        return {"model": model}


@stage
def accuracy(model, test_x, test_y) -> float:
    return model.score(test_x, test_y)


versions = Versions()
versions.add_version("small", hidden=8)
versions.add_version("medium", hidden=32)
versions.add_version("wide", hidden=128)
versions.add_version("hasty", hidden=32, learning_rate=0.03)
versions.add_version("patient", hidden=32, learning_rate=0.001, epochs=40)
versions.add_version("short", hidden=32, epochs=5)

MODEL = Pipeline(versions=versions)

if __name__ == "__main__":
    print(f"accuracy: {Pipeline().run('accuracy'):.3f}")
