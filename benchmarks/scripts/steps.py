"""Twenty small steps with torch: the import takes most of the time."""

import json

import torch


def train(learning_rate, folder):
    """Fit a small network to a sum by stochastic gradient descent."""
    torch.manual_seed(7)
    inputs = torch.randn(64, 16)
    sums = inputs.sum(dim=1, keepdim=True)
    net = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
    for _ in range(20):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(inputs), sums)
        loss.backward()
        optimizer.step()
    results = {"loss": loss.item()}
    (folder / "result.json").write_text(json.dumps(results))
    return results
